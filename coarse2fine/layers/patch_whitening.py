"""A first convolution that whitens patches."""

import keras
import numpy as np
from keras import ops

from coarse2fine.errors import InputError

_IMAGES = 128  # Whose patches are looked at together.


@keras.saving.register_keras_serializable("coarse2fine")
class PatchWhitening(keras.layers.Layer):
    """A convolution with fixed filters that whitens patches of images.

    Use it as the first layer of a network that has little time to learn: what a first layer needs
    many updates for is here from the start. Nothing in it is trained, so that no gradient has to be
    carried to where images are largest; `adapt` takes its filters from images, and before that they
    are random. Float32 whatever the policy: the filters span orders of magnitude.

    With the second moments `C = mean of p p^T` over patches `p` of `d = size * size * channels`
    values, and its eigenvectors `v_i` of eigenvalues `e_i`, the filters are both signs of

        v_i / sqrt(e_i + epsilon)

    so that what follows, a ReLU first, has both sides of each.

    Args:
        size: Height and width of the patches, in pixels.
        epsilon: Added to the eigenvalues, in squared units of the images, so that what hardly
            varies is not blown up.
        **kwargs: Arguments of `keras.layers.Layer`; `dtype` is always float32.

    Input shape:
        `(batch, height, width, channels)`, preprocessed; height and width are known.

    Output shape:
        `(batch, height - size + 1, width - size + 1, 2 * d)`, float32.

    Example:
        >>> import numpy as np
        >>> layer = PatchWhitening(size=1)
        >>> images = np.array([3.0, -3.0, 3.0, -3.0], "float32").reshape((1, 2, 2, 1))
        >>> layer.adapt(images)
        >>> np.abs(layer(images)).round(2).ravel().tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]

    Reference:
        Page, "How to Train Your ResNet 8: Bag of Tricks", 2019; Jordan, "94% on CIFAR-10 in 3.29
        Seconds on a Single GPU", 2024, section 3.2, there with a trained bias.
    """

    def __init__(self, size=2, epsilon=5e-4, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        if not isinstance(size, int) or size < 1:
            raise InputError(f"PatchWhitening: size is {size}, expected a whole number above 0.")
        if epsilon < 0:
            raise InputError(f"PatchWhitening: epsilon is {epsilon}, expected 0 or more.")
        self.size = size
        self.epsilon = epsilon

    def build(self, input_shape):
        """Makes the filters, random ones."""
        self._check_shape(input_shape)
        values = self.size * self.size * input_shape[-1]
        self.kernel = self.add_weight(
            shape=(self.size, self.size, input_shape[-1], 2 * values),
            initializer="orthogonal",
            trainable=False,
            name="kernel",
        )

    def adapt(self, images):
        """Takes the filters from images.

        Args:
            images: `(images, height, width, channels)` float array.

        Raises:
            InputError: no image, or images of another shape than the layer takes.
        """
        images = np.asarray(images)
        if not self.built:
            self.build(images.shape)
        self._check_shape(images.shape)
        if not len(images) or images.shape[-1] != self.kernel.shape[2]:
            raise InputError(
                f"PatchWhitening: expected images of {self.kernel.shape[2]} channels, at least "
                f"one, got an array of shape {images.shape}."
            )
        moments, count = 0.0, 0
        for start in range(0, len(images), _IMAGES):
            part = images[start : start + _IMAGES].astype(np.float64)
            windows = (self.size, self.size)
            patches = np.lib.stride_tricks.sliding_window_view(part, windows, axis=(1, 2))
            patches = np.moveaxis(patches, 3, -1).reshape(-1, self.kernel.shape[-1] // 2)
            moments = moments + patches.T @ patches
            count += len(patches)
        values, vectors = np.linalg.eigh(moments / count)
        filters = vectors / np.sqrt(np.maximum(values, 0) + self.epsilon)
        kernel = np.concatenate([filters, -filters], axis=1)
        self.kernel.assign(kernel.reshape(self.kernel.shape).astype(np.float32))

    def call(self, images):
        """Returns the responses to the patches of `images`."""
        return ops.conv(images, self.kernel, padding="valid", data_format="channels_last")

    def compute_output_shape(self, input_shape):
        """Returns the shape of the responses to images of `input_shape`."""
        self._check_shape(input_shape)
        batch, height, width, channels = input_shape
        values = 2 * self.size * self.size * channels
        return (batch, height - self.size + 1, width - self.size + 1, values)

    def _check_shape(self, input_shape):
        if len(input_shape) != 4 or not all(n and n >= self.size for n in input_shape[1:3]):
            raise InputError(
                f"PatchWhitening: expected images of shape (batch, height, width, channels), at "
                f"least {self.size} pixels high and wide, got {tuple(input_shape)}."
            )

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "size": self.size, "epsilon": self.epsilon}
