"""The wide residual network WRN-28-10."""

import keras

from coarse2fine.backbones._arguments import check_arguments, scaled
from coarse2fine.backbones._preactivation import activation, convolution, groups


def wide_resnet(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    width: float = 1.0,
    dropout: float = 0.3,
    name: str = "wide_resnet",
) -> keras.Model:
    """WRN-28-10, up to the features of its class maps.

    Use it where accuracy matters more than time: it is Chen's network for CIFAR-100. Linear class
    maps follow it: `ClassFeatureMap(num_classes)` and `GlobalAvg` are its linear layer after global
    average pooling, in the other order; with 100 classes both have 36,536,884 parameters (the
    moving averages of normalisation not counted).

    A stem of 16 channels, then groups of 160, 320 and 640 channels with four pre-activation blocks
    each, all but the first at half of the resolution before; normalisation and ReLU at the end.

    Args:
        input_shape: Height, width and channels of the images.
        width: Factor on all numbers of channels, the stem's too, which are rounded and at least 1.
        dropout: Share of the activations dropped between the two convolutions of each block.
        name: Name of the model.

    Returns:
        A model from `(batch, height, width, channels)` to
        `(batch, height / 4, width / 4, 640 * width)`.

    Example:
        >>> wide_resnet(width=0.1).output_shape
        (None, 8, 8, 64)

    Reference:
        Zagoruyko, Komodakis, "Wide Residual Networks", BMVC 2016; as used in Chen, Ding, Chin,
        Marculescu, ICDM workshops 2018.
    """
    check_arguments(name, input_shape, width, dropout)
    channels = scaled(width)

    images = keras.Input(input_shape)
    x = convolution(images, channels(16))
    x = groups(x, [channels(filters) for filters in (160, 320, 640)], 4, dropout)
    return keras.Model(images, activation(x), name=name)
