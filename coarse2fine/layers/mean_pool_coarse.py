"""Coarse class maps as the mean of fine ones."""

import keras
from keras import ops

from coarse2fine.layers.pool_siblings import PoolSiblings


@keras.saving.register_keras_serializable("coarse2fine")
class MeanPoolCoarse(PoolSiblings):
    """Pools the class maps of siblings into one map of their coarse class by their mean.

    Use it in place of `MinPoolCoarse` to let all children of a coarse class learn from each of its
    images, at every location. At location `i`, for coarse class `k`:

        M_c[i, k] = mean over children j of k of M_f[i, j]

    It is the limit of `SoftMinPoolCoarse` for high temperatures.

    Args:
        parent: Sequence of ints; `parent[f]` is the coarse class of fine class `f`. Every coarse
            class from 0 to the largest has a child.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, height, width, num_fine)`, or any other shape that ends in `num_fine`.

    Output shape:
        The input's, ending in `num_coarse`.

    Example:
        >>> from keras import ops
        >>> maps = ops.reshape(ops.convert_to_tensor([5.0, 1.0, 3.0, 2.0]), (1, 1, 1, 4))
        >>> ops.convert_to_numpy(MeanPoolCoarse([1, 0, 1, 0])(maps)).ravel().tolist()
        [1.5, 4.0]

    Reference:
        Takes the place of the minimum of Lei, Guo, Wang, "Weakly Supervised Image Classification
        with Coarse and Fine Labels", CRV 2017, section IV.
    """

    def _reduce(self, block, is_child):
        return ops.sum(is_child * block, axis=1) / ops.sum(is_child, axis=1)
