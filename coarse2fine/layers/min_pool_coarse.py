"""Coarse class maps as the minimum of fine ones."""

import keras
from keras import ops

from coarse2fine.layers.pool_siblings import PoolSiblings
from coarse2fine.layers.siblings import take


@keras.saving.register_keras_serializable("coarse2fine")
class MinPoolCoarse(PoolSiblings):
    """Pools the class maps of siblings into one map of their coarse class by their minimum.

    Use it between `ClassFeatureMap` and `GlobalAvg` to get coarse maps without weights of their
    own: a coarse class responds where all its children respond, that is, to what they have in
    common.

    At every location `i`, for coarse class `k` (Lei 2017, section IV):

        M_c[i, k] = min over children j of k of M_f[i, j]

    The gradient of a coarse map goes to the child that has the minimum. Children that tie share
    it equally, as in `tf.reduce_min`. It is deterministic on every device.

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
        >>> ops.convert_to_numpy(MinPoolCoarse([1, 0, 1, 0])(maps)).ravel().tolist()
        [1.0, 3.0]

    Reference:
        Lei, Guo, Wang, "Weakly Supervised Image Classification with Coarse and Fine Labels",
        CRV 2017, section IV.
    """

    def _pool(self, maps):
        return _min_pool(maps, self._layout)


def _min_pool(class_maps, layout):
    """The minimum over siblings: `(locations, num_fine)` to `(locations, num_coarse)`.

    The maps are laid class by class first: a gather then copies whole rows, the minimum runs over
    vectors of locations, and both are several times faster than along the last axis. The gradient
    is written out because that of a gather is a scatter, which adds in no fixed order on a GPU:
    here every slot gets its share and every fine class gathers its own first slot.
    """

    @ops.custom_gradient
    def pool(maps):
        rows = take(ops.transpose(maps), layout.fine_of_slot)
        blocks, start = [], 0
        for group in layout.groups:
            stop = start + group.classes * group.slots
            blocks.append(ops.reshape(rows[start:stop], (group.classes, group.slots, -1)))
            start = stop
        minima = [ops.min(block, axis=1) for block in blocks]
        pooled = take(ops.concatenate(minima, axis=0), layout.row_of_coarse)

        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            dtype = keras.backend.result_type(maps.dtype, "float32")
            upstream = ops.cast(ops.transpose(upstream), dtype)
            upstream = take(upstream, layout.coarse_of_row)
            shares, start = [], 0
            for group, block, minimum in zip(layout.groups, blocks, minima, strict=True):
                stop = start + group.classes
                lowest = ops.cast(ops.equal(block, minimum[:, None]), dtype)
                ties = ops.sum(lowest, axis=1) - ops.cast(group.repeats, dtype) * lowest[:, -1]
                share = upstream[start:stop] / ties
                shares.append(
                    ops.reshape(lowest * share[:, None], (group.classes * group.slots, -1))
                )
                start = stop
            shares = take(ops.concatenate(shares, axis=0), layout.slot_of_fine)
            return ops.cast(ops.transpose(shares), maps.dtype)

        return ops.transpose(pooled), gradient

    return pool(class_maps)
