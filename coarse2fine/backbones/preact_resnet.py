"""The pre-activation ResNet-18 for small images."""

import keras

from coarse2fine.backbones._arguments import check_arguments, scaled
from coarse2fine.backbones._preactivation import convolution, groups


def preact_resnet(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    width: float = 1.0,
    dropout: float = 0.0,
    name: str = "preact_resnet",
) -> keras.Model:
    """Pre-activation ResNet-18 with a 3x3 stem, up to the features of its class maps.

    Use it where training must be short: with batch normalisation it learns from the first updates
    on. Linear class maps follow it: `ClassFeatureMap(num_classes)` and `GlobalAvg` are its linear
    layer after global average pooling, in the other order; with 10 classes both have 11,171,146
    parameters.

    A stem of 64 channels, then stages of 64, 128, 256 and 512 channels with two blocks each, all
    but the first stage at half of the resolution before; no normalisation after the last block.

    Args:
        input_shape: Height, width and channels of the images.
        width: Factor on all numbers of channels, which are rounded and at least 1.
        dropout: Share of the activations dropped between the two convolutions of each block; 0, as
            in the papers, for none.
        name: Name of the model.

    Returns:
        A model from `(batch, height, width, channels)` to
        `(batch, height / 8, width / 8, 512 * width)`.

    Example:
        >>> preact_resnet(width=0.25).output_shape
        (None, 4, 4, 128)

    Reference:
        He, Zhang, Ren, Sun, "Identity Mappings in Deep Residual Networks", ECCV 2016; as used in
        Chen, Ding, Chin, Marculescu, ICDM workshops 2018.
    """
    check_arguments(name, input_shape, width, dropout)
    channels = scaled(width)

    images = keras.Input(input_shape)
    x = convolution(images, channels(64))
    x = groups(x, [channels(filters) for filters in (64, 128, 256, 512)], 2, dropout)
    return keras.Model(images, x, name=name)
