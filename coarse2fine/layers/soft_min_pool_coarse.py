"""Coarse class maps between the minimum and the mean of fine ones."""

import keras
from keras import ops

from coarse2fine.errors import InputError
from coarse2fine.layers.pool_siblings import PoolSiblings


@keras.saving.register_keras_serializable("coarse2fine")
class SoftMinPoolCoarse(PoolSiblings):
    """Pools the class maps of siblings into one map of their coarse class by a soft minimum.

    Use it in place of `MinPoolCoarse` where the gradient is to reach all children and not the
    lowest alone. At location `i`, for coarse class `k` with `n` children:

        M_c[i, k] = -T log( 1/n sum over children j of k of exp(-M_f[i, j] / T) )

    For low temperatures `T` it becomes the minimum, for high ones the mean.

    Args:
        parent: Sequence of ints; `parent[f]` is the coarse class of fine class `f`. Every coarse
            class from 0 to the largest has a child.
        temperature: `T`, from 1e-30 to 1e30, in the units of the maps.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, height, width, num_fine)`, or any other shape that ends in `num_fine`.

    Output shape:
        The input's, ending in `num_coarse`.

    Example:
        >>> from keras import ops
        >>> maps = ops.reshape(ops.convert_to_tensor([5.0, 1.0, 3.0, 2.0]), (1, 1, 1, 4))
        >>> soft = SoftMinPoolCoarse([1, 0, 1, 0], temperature=0.1)(maps)
        >>> ops.convert_to_numpy(soft).ravel().round(3)  # The minimum + 0.1 * log(2).
        array([1.069, 3.069], dtype=float32)

    Reference:
        Boyd, Vandenberghe, "Convex Optimization", Cambridge 2004, section 3.1.5, on log-sum-exp as
        a soft maximum.
    """

    def __init__(self, parent, temperature=1.0, **kwargs):
        super().__init__(parent, **kwargs)
        if not 1e-30 <= temperature <= 1e30:  # What float32 can divide by.
            raise InputError(
                f"SoftMinPoolCoarse: temperature is {temperature}, expected from 1e-30 to 1e30."
            )
        self.temperature = temperature

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "temperature": self.temperature}

    def _reduce(self, block, is_child):
        # From the lowest up, and of the exponentials what differs from 1, so that no temperature,
        # however low or high, overflows or cancels.
        lowest = ops.stop_gradient(ops.min(block, axis=1, keepdims=True))
        rest = is_child * ops.expm1((lowest - block) / self.temperature)
        mean = ops.sum(rest, axis=1) / ops.sum(is_child, axis=1)
        return lowest[:, 0] - self.temperature * ops.log1p(mean)
