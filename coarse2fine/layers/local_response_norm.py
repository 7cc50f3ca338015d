"""Local response normalisation with Caffe's conventions."""

import keras
import numpy as np
from keras import ops

from coarse2fine.errors import InputError, check_known

MODES = ("across_channels", "within_channel")


@keras.saving.register_keras_serializable("coarse2fine")
class LocalResponseNorm(keras.layers.Layer):
    """Divides each activation by the energy of its neighbours, as Caffe does.

    Use it to rebuild networks of Caffe's time, such as AlexNet. It differs from
    `tf.nn.local_response_normalization` in that alpha is divided by the window's size. Computed
    in float32, returned in the compute dtype.

    With `n` places in the window around `i` (`size` channels across, `size * size` locations
    within a channel; places outside the map count as zeros):

        y[i] = x[i] / (k + alpha / n * sum over window of x[j]**2) ** beta

    which is the normalisation of Krizhevsky 2012, section 3.3, with alpha / n for alpha.

    Args:
        size: Odd width of the window.
        alpha: Weight of the window's mean square.
        beta: Exponent.
        k: Added to the mean square; 1 in Caffe.
        mode: "across_channels" (the window runs over channels at one location) or
            "within_channel" (over the locations around it in its own channel).
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, height, width, channels)`.

    Output shape:
        That of the input.

    Example:
        >>> from keras import ops
        >>> layer = LocalResponseNorm(size=3, alpha=3.0, beta=1.0)
        >>> y = layer(ops.ones((1, 1, 1, 3)))  # 1 / (1 + 2), 1 / (1 + 3), 1 / (1 + 2)
        >>> ops.convert_to_numpy(y).round(3).ravel().tolist()
        [0.3330000042915344, 0.25, 0.3330000042915344]

    Reference:
        Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural
        Networks", NIPS 2012.
    """

    def __init__(self, size=5, alpha=1e-4, beta=0.75, k=1.0, mode="across_channels", **kwargs):
        super().__init__(**kwargs)
        if int(size) != size or size < 1 or size % 2 == 0:
            raise InputError(
                f"LocalResponseNorm: size must be an odd whole number of at least 1, got {size!r}."
            )
        if alpha < 0:
            raise InputError(f"LocalResponseNorm: alpha must not be negative, got {alpha!r}.")
        if k <= 0:
            raise InputError(f"LocalResponseNorm: k must be positive, got {k!r}.")
        check_known("LocalResponseNorm mode", mode, MODES)
        self.size = int(size)
        self.alpha = float(alpha)
        self.beta = float(beta)
        self.k = float(k)
        self.mode = mode

    def call(self, features):
        """Returns the normalised features, in the compute dtype."""
        x = ops.cast(features, "float32")
        half = self.size // 2
        squares = ops.square(x)
        if self.mode == "across_channels":
            # A product with a band of ones is several times faster than adding shifted slices.
            places = np.arange(x.shape[-1])
            band = np.abs(places[:, np.newaxis] - places) <= half
            mean = ops.matmul(squares, (band / self.size).astype("float32"))
        else:
            # Padded by hand: pooling's own padding leaves the places outside the map out of the
            # divisor, Caffe counts them.
            padded = ops.pad(squares, [[0, 0], [half, half], [half, half], [0, 0]])
            mean = ops.average_pool(
                padded, self.size, strides=1, padding="valid", data_format="channels_last"
            )
        y = x * ops.power(self.k + self.alpha * mean, -self.beta)
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Returns `input_shape`."""
        return tuple(input_shape)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "size": self.size,
            "alpha": self.alpha,
            "beta": self.beta,
            "k": self.k,
            "mode": self.mode,
        }
