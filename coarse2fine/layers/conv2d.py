"""Keras's convolution, with a gradient that is quick on small maps."""

import keras
from keras import ops

# Where products of matrices were measured to be the quicker way, or as quick: in float32, on wider
# maps and with fewer channels they are not.
_DTYPES = ("bfloat16",)
_WIDEST = 8
_CHANNELS_A_PIXEL = 16  # Of width, at least, before and after.


@keras.saving.register_keras_serializable("coarse2fine")
class Conv2D(keras.layers.Conv2D):
    """A `keras.layers.Conv2D` that is quicker to train on a CPU where maps are a few pixels wide.

    Use it in its place: arguments, weights and outputs are the same, and gradients but for
    rounding. Files of weights fit both.

    A CPU's convolution sums the gradient of its kernel along the rows of a map, and narrow rows
    leave most of each vector empty. In bfloat16, on maps up to 8 pixels wide with at least 16
    channels before and after for each pixel of width, this layer sums over all images and locations
    at once: with inputs `x`, padded with zeros, and the gradient `g` of the outputs,

        gradient of kernel[i, j] = sum over images and locations (r, c) of x[r + i, c + j]^T g[r, c]

    a product of matrices for each of the kernel's 3x3 places. All else is left to Keras: kernels of
    another size, strides, dilation, groups, padding other than 'same', channels first, maps whose
    size is not known beforehand, and whatever there is another device than a CPU for.

    Args:
        *args: of `keras.layers.Conv2D`.
        **kwargs: likewise.

    Input shape:
        `(batch, height, width, channels)`.

    Output shape:
        As of `keras.layers.Conv2D`.

    Example:
        >>> import numpy as np
        >>> Conv2D(8, 3, padding="same")(np.ones((2, 4, 4, 3))).shape
        TensorShape([2, 4, 4, 8])

    Reference:
        Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for Document
        Processing", 2006, on convolutions as products of matrices.
    """

    def convolution_op(self, inputs, kernel):
        """The convolution, with a gradient of its own where that is quicker."""
        convolve = super().convolution_op
        if not self._is_small(inputs):
            return convolve(inputs, kernel)

        @ops.custom_gradient
        def small_convolution(inputs, kernel):
            def gradient(*args, upstream=None):
                if upstream is None:
                    (upstream,) = args
                # With strides of 1 the transposed convolution is the gradient, and no more.
                of_inputs = ops.conv_transpose(
                    upstream, kernel, padding="same", data_format=self.data_format
                )
                return of_inputs, _kernel_gradient(inputs, upstream)

            return convolve(inputs, kernel), gradient

        # A tensor: TensorFlow would have the gradient take variables in a way of its own.
        return small_convolution(inputs, ops.cast(kernel, inputs.dtype))

    def _is_small(self, inputs):
        return (
            keras.backend.standardize_dtype(inputs.dtype) in _DTYPES
            and self.kernel_size == (3, 3)
            and self.strides == (1, 1)
            and self.dilation_rate == (1, 1)
            and self.groups == 1
            and self.padding == "same"
            and self.data_format == "channels_last"
            and None not in inputs.shape[1:]
            and inputs.shape[2] <= _WIDEST
            and min(inputs.shape[3], self.filters) >= _CHANNELS_A_PIXEL * inputs.shape[2]
            and keras.distribution.list_devices()[0].startswith("cpu")
        )


def _kernel_gradient(inputs, upstream):
    """The gradient of a kernel of 3x3, from that of the outputs."""
    _, height, width, channels = inputs.shape
    filters = upstream.shape[-1]
    padded = ops.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]])
    upstream = ops.reshape(upstream, (-1, filters))
    products = []
    for row in range(3):
        for column in range(3):
            seen = padded[:, row : row + height, column : column + width]
            seen = ops.reshape(seen, (-1, channels))
            products.append(ops.matmul(ops.transpose(seen), upstream))
    return ops.reshape(ops.concatenate(products), (3, 3, channels, filters))
