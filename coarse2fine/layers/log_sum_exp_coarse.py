"""Coarse scores that make the coarse probability the sum of the children's."""

import keras
from keras import ops

from coarse2fine.layers.pool_siblings import PoolSiblings


@keras.saving.register_keras_serializable("coarse2fine")
class LogSumExpCoarse(PoolSiblings):
    """Makes coarse scores of fine ones such that probabilities of both levels agree.

    Use it behind `GlobalAvg`, on scores. With `s[j]` the score of fine class `j`, for coarse class
    `k`:

        score[k] = log( sum over children j of k of exp(s[j]) )

    so that the softmax over coarse scores is, for each coarse class, the sum of its children's
    probabilities in the softmax over fine scores. The cross-entropy of a coarse label is then the
    marginal likelihood: it asks for some child of the right parent, and not for all of them as a
    minimum does, and leaves open which.

    Args:
        parent: Sequence of ints; `parent[f]` is the coarse class of fine class `f`. Every coarse
            class from 0 to the largest has a child.
        **kwargs: Arguments of `keras.layers.Layer`; `dtype` is always float32.

    Input shape:
        `(batch, num_fine)`, or any other shape that ends in `num_fine`.

    Output shape:
        The input's, ending in `num_coarse`, float32.

    Example:
        >>> import numpy as np
        >>> shares = np.array([[0.5, 0.125, 0.25, 0.125]])
        >>> scores = LogSumExpCoarse([1, 0, 1, 0])(np.log(shares))
        >>> np.exp(scores).round(3).tolist()
        [[0.25, 0.75]]

    Reference:
        Deng, Ding, Jia, Frome, Murphy, Bengio, Li, Neven, Adam, "Large-Scale Object Classification
        Using Label Relation Graphs", ECCV 2014, section 3.3: labels of any level, learnt by their
        marginal probability.
    """

    def __init__(self, parent, **kwargs):
        super().__init__(parent, **{**kwargs, "dtype": "float32"})

    def _reduce(self, block, is_child):
        highest = ops.stop_gradient(ops.max(block, axis=1, keepdims=True))
        total = ops.sum(is_child * ops.exp(block - highest), axis=1)
        return ops.log(total) + highest[:, 0]
