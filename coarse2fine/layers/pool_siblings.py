"""What all layers have in common that pool over siblings."""

import keras
import numpy as np
from keras import ops

from coarse2fine.errors import InputError
from coarse2fine.layers.siblings import checked_parent, lay_out, take


class PoolSiblings(keras.layers.Layer):
    """Pools what siblings have at each location into what their coarse class has there.

    A subclass gives the arithmetic: `_reduce`, or `_pool` with a gradient of its own. Any taxonomy
    of two levels will do, in any order and however unequal; the cost grows with the number of fine
    classes, not with the largest family. Values and gradients are deterministic on every device.

    Args:
        parent: Sequence of ints; `parent[f]` is the coarse class of fine class `f`. Every coarse
            class from 0 to the largest has a child.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, height, width, num_fine)`, or any other shape that ends in `num_fine`.

    Output shape:
        The input's, ending in `num_coarse`.
    """

    def __init__(self, parent, **kwargs):
        super().__init__(**kwargs)
        self.parent = checked_parent(parent, type(self).__name__)
        self.num_fine = len(self.parent)
        self.num_coarse = max(self.parent) + 1
        self._layout = lay_out(np.array(self.parent))

    def build(self, input_shape):
        """Checks that `input_shape` ends in `num_fine`."""
        self._check_shape(input_shape)

    def call(self, class_maps):
        """Returns the coarse maps, in the dtype of `class_maps`."""
        shape = ops.shape(class_maps)
        pooled = self._pool(ops.reshape(class_maps, (-1, self.num_fine)))
        return ops.reshape(pooled, (*shape[:-1], self.num_coarse))

    def compute_output_shape(self, input_shape):
        """Returns the shape of the coarse maps of fine ones of `input_shape`."""
        self._check_shape(input_shape)
        return (*input_shape[:-1], self.num_coarse)

    def _check_shape(self, input_shape):
        if len(input_shape) < 2 or input_shape[-1] != self.num_fine:
            raise InputError(
                f"{type(self).__name__}: expected class maps of shape (batch, .., "
                f"{self.num_fine}), one per entry of parent, got {tuple(input_shape)}."
            )

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "parent": list(self.parent)}

    def _pool(self, maps):
        """What coarse classes have, `(locations, num_coarse)`, of `(locations, num_fine)`.

        The maps are laid class by class first: a gather then copies whole rows, and sums run over
        vectors of locations. They are float32 at least.
        """
        dtype = keras.backend.result_type(maps.dtype, "float32")
        layout = self._layout
        rows = _take(ops.cast(ops.transpose(maps), dtype), layout.fine_of_slot, layout.slot_of_fine)
        pooled, start = [], 0
        for group in layout.groups:
            stop = start + group.classes * group.slots
            block = ops.reshape(rows[start:stop], (group.classes, group.slots, -1))
            pooled.append(self._reduce(block, ops.cast(group.is_child, dtype)))
            start = stop
        pooled = _take(ops.concatenate(pooled, axis=0), layout.row_of_coarse, layout.coarse_of_row)
        return ops.cast(ops.transpose(pooled), maps.dtype)

    def _reduce(self, block, is_child):
        """What siblings have together.

        Args:
            block: `(classes, slots, locations)`.
            is_child: `(classes, slots, 1)`; 0.0 in slots that hold no child: the last child once
                more. They may change neither the value nor the gradient.

        Returns:
            `(classes, locations)`.
        """
        raise NotImplementedError


def _take(rows, places, back):
    """Rows at places that have all of them, whose gradient is that of each row's place in `back`.

    Where a row is at several places, the gradient of the others has to be 0. That of a gather is a
    scatter, which adds in no fixed order on a GPU.
    """
    if places is None:
        return rows

    @ops.custom_gradient
    def taken(rows):
        def gradient(*args, upstream=None):
            return take(args[0] if upstream is None else upstream, back)

        return take(rows, places), gradient

    return taken(rows)
