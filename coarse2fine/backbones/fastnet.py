"""A small network for small images."""

import keras
from keras import layers

from coarse2fine.backbones._arguments import check_arguments, scaled
from coarse2fine.backbones._preactivation import activation, convolution
from coarse2fine.errors import InputError
from coarse2fine.layers import PatchWhitening

_SMALLEST = 9  # Pixels that leave one at the end.


def fastnet(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    width: float = 1.0,
    dropout: float = 0.0,
    name: str = "fastnet",
) -> keras.Model:
    """A network without shortcuts that takes little work an image.

    Use it on small images where time is short. A first layer that is not trained whitens patches of
    2x2; then come three blocks of 64, 192 and 256 channels: a 3x3 convolution, maximum pooling by
    two, batch normalisation and ReLU, and the same without pooling. Linear class maps follow it.

    Args:
        input_shape: Height, width and channels of the images, at least 9 pixels high and wide.
        width: Factor on the channels of the blocks, which are rounded and at least 1.
        dropout: Share of the activations dropped behind each block; 0 for none.
        name: Name of the model.

    Returns:
        A model from `(batch, height, width, channels)` to `(batch, 3, 3, 256 * width)` for images
        of 32x32.

    Example:
        >>> fastnet(width=0.5).output_shape
        (None, 3, 3, 128)

    Reference:
        In the manner of Page, "How to Train Your ResNet", 2018 to 2019, and of Jordan, "94% on
        CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, with ReLU, and without a bias in front.
    """
    check_arguments(name, input_shape, width, dropout)
    if min(input_shape[:2]) < _SMALLEST:
        raise InputError(
            f"{name}: input_shape is {input_shape!r}, expected images that are at least "
            f"{_SMALLEST} pixels high and wide."
        )
    channels = scaled(width)

    images = keras.Input(input_shape)
    x = layers.ReLU()(PatchWhitening(2)(images))
    for filters in (64, 192, 256):
        x = activation(layers.MaxPooling2D(2)(convolution(x, channels(filters))))
        x = activation(convolution(x, channels(filters)))
        if dropout > 0:
            x = layers.Dropout(dropout)(x)
    return keras.Model(images, x, name=name)
