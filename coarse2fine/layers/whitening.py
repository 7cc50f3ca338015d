"""Contrast normalisation and ZCA whitening of images."""

from typing import Any

import keras
import numpy as np
from keras import ops

from coarse2fine.errors import InputError


@keras.saving.register_keras_serializable("coarse2fine")
class Whitening(keras.layers.Layer):
    """Normalises each image's contrast, then whitens it: the preprocessing of NIN and Lei 2017.

    Use it as the first layer of a network for small images, with the statistics that
    `coarse2fine.data.whitening.fit_zca` takes from the training images. Float32 whatever the
    policy: the whitening matrix spans several orders of magnitude.

    For an image `x` as a vector of `d` values:

        g = scale * (x - mean(x)) / max(norm(x - mean(x)), 1e-8)
        y = (g - mean) @ matrix

    The first line is pylearn2's global contrast normalisation with scale 55, sqrt_bias 0 and
    use_std off; the second its ZCA.

    Args:
        mean: `(d,)` mean of the normalised training images, or None, together with `matrix`, for
            a layer whose weights are loaded later; it starts with zeros and the identity.
        matrix: `(d, d)` whitening matrix, or None.
        scale: Norm of every image after contrast normalisation.
        **kwargs: Arguments of `keras.layers.Layer`; `dtype` is always float32.

    Input shape:
        `(batch, height, width, channels)` with `d = height * width * channels`: values from 0 to
        255, uint8 or float.

    Output shape:
        That of the input, float32.

    Example:
        >>> import numpy as np
        >>> layer = Whitening(mean=np.zeros(4), matrix=np.eye(4), scale=2.0)
        >>> image = np.array([1, 1, 3, 3], dtype="uint8").reshape((1, 2, 2, 1))
        >>> layer(image).numpy().ravel().tolist()
        [-1.0, -1.0, 1.0, 1.0]

    Reference:
        Lin, Chen, Yan, "Network In Network", ICLR 2014, section 4.2; Goodfellow et al., "Maxout
        Networks", ICML 2013, section 5.2.
    """

    def __init__(self, mean=None, matrix=None, scale=55.0, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        if scale <= 0:
            raise InputError(f"Whitening: scale must be positive, got {scale!r}.")
        if (mean is None) != (matrix is None):
            raise InputError(
                "Whitening: give both mean and matrix (as fit_zca returns them), or neither."
            )
        self.scale = float(scale)
        self.mean: Any = None
        self.matrix: Any = None
        if mean is not None:
            mean, matrix = np.asarray(mean, "float32"), np.asarray(matrix, "float32")
            if mean.ndim != 1 or matrix.shape != (mean.size, mean.size):
                raise InputError(
                    "Whitening: expected mean of shape (d,) and matrix of shape (d, d), got "
                    f"{mean.shape} and {matrix.shape}."
                )
            self._add_statistics(mean.size)
            self.set_weights([mean, matrix])

    def _add_statistics(self, size):
        self.mean = self.add_weight(
            shape=(size,), initializer="zeros", trainable=False, name="mean"
        )
        self.matrix = self.add_weight(
            shape=(size, size), initializer="identity", trainable=False, name="matrix"
        )

    def build(self, input_shape):
        """Adds the statistics, unless the constructor had them, for images of `input_shape`."""
        if len(input_shape) != 4 or None in input_shape[1:]:
            raise InputError(
                "Whitening: expected images of shape (batch, height, width, channels) with known "
                f"height, width and channels, got {tuple(input_shape)}."
            )
        size = int(np.prod(input_shape[1:]))
        if self.mean is None:
            self._add_statistics(size)
        elif self.mean.shape[0] != size:
            raise InputError(
                f"Whitening: its statistics are for {self.mean.shape[0]} values an image, but "
                f"images of shape {tuple(input_shape[1:])} have {size}. Fit them on such images."
            )

    def call(self, images):
        """Returns the whitened images, in float32."""
        x = ops.reshape(ops.cast(images, "float32"), (-1, self.mean.shape[0]))
        x = x - ops.mean(x, axis=1, keepdims=True)
        norm = ops.sqrt(ops.sum(ops.square(x), axis=1, keepdims=True))
        x = self.scale * x / ops.maximum(norm, 1e-8)
        return ops.reshape(ops.matmul(x - self.mean, self.matrix), ops.shape(images))

    def compute_output_shape(self, input_shape):
        """Returns `input_shape`."""
        return tuple(input_shape)

    def get_config(self):
        """Returns the scale; the statistics are weights and come back with those."""
        return {**super().get_config(), "scale": self.scale}
