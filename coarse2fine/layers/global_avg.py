"""Scores from class maps."""

import keras
from keras import ops

from coarse2fine.errors import InputError


@keras.saving.register_keras_serializable("coarse2fine")
class GlobalAvg(keras.layers.Layer):
    """Averages every class map over its locations: the class's score.

    Use it on fine and on coarse class maps alike. Sum and score are float32 whatever the policy,
    because a softmax over bfloat16 scores cannot tell close classes apart.

    With `d` locations `i` (Lei 2017, Eq. 2 for fine and Eq. 3 for coarse classes):

        score[k] = 1/d * sum over i of M[i, k]

    Args:
        **kwargs: Arguments of `keras.layers.Layer`; `dtype` is always float32.

    Input shape:
        `(batch, height, width, num_classes)`.

    Output shape:
        `(batch, num_classes)`, float32.

    Example:
        >>> from keras import ops
        >>> maps = ops.reshape(ops.arange(8, dtype="float32"), (1, 2, 2, 2))
        >>> ops.convert_to_numpy(GlobalAvg()(maps)).tolist()
        [[3.0, 4.0]]

    Reference:
        Lei, Guo, Wang, "Weakly Supervised Image Classification with Coarse and Fine Labels",
        CRV 2017, section IV.
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def build(self, input_shape):
        """Checks that `input_shape` is that of class maps."""
        self._check_rank(input_shape)

    def call(self, class_maps):
        """Returns the float32 scores of `class_maps`."""
        return ops.mean(ops.cast(class_maps, "float32"), axis=(1, 2))

    def compute_output_shape(self, input_shape):
        """Returns the shape of the scores of maps of `input_shape`."""
        self._check_rank(input_shape)
        return (input_shape[0], input_shape[-1])

    def _check_rank(self, input_shape):
        if len(input_shape) != 4:
            raise InputError(
                "GlobalAvg: expected class maps of shape (batch, height, width, num_classes), "
                f"got {tuple(input_shape)}."
            )
