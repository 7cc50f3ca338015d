"""Network In Network for small images."""

import keras
from keras import layers

from coarse2fine.backbones._arguments import check_arguments, scaled


def nin(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    width: float = 1.0,
    dropout: float = 0.5,
    name: str = "nin",
) -> keras.Model:
    """Network In Network for CIFAR-100, up to the features of its class maps.

    Use it with whitened images and `ClassFeatureMap(num_fine, activation="relu")`, its last 1x1
    convolution: with 100 classes both have 984,356 parameters. No batch normalisation; He
    initialisation, zero biases.

    Pooling is 3x3 with stride 2 in 'same' padding. For even sizes (32 -> 16 -> 8) that is Caffe's
    ceil mode: one row and column more at the end, left out of an average's divisor. For odd
    sizes it gives one location more than ceil mode does.

    Args:
        input_shape: Height, width and channels of the images.
        width: Factor on all numbers of channels, which are rounded and at least 1.
        dropout: Share of the activations dropped after each pooling.
        name: Name of the model.

    Returns:
        A model from `(batch, height, width, channels)` to
        `(batch, height / 4, width / 4, 192 * width)`.

    Example:
        >>> nin().output_shape
        (None, 8, 8, 192)

    Reference:
        Lin, Chen, Yan, "Network In Network", ICLR 2014; with the average pooling and the
        initialisation of Lei, Guo, Wang, CRV 2017.
    """
    check_arguments(name, input_shape, width, dropout)
    channels = scaled(width)

    def convolution(x, filters, size):
        return layers.Conv2D(
            channels(filters),
            size,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
        )(x)

    images = x = keras.Input(input_shape)
    x = convolution(x, 192, 5)
    x = convolution(x, 160, 1)
    x = convolution(x, 96, 1)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = layers.Dropout(dropout)(x)
    x = convolution(x, 192, 5)
    x = convolution(x, 192, 1)
    x = convolution(x, 192, 1)
    x = layers.AveragePooling2D(3, strides=2, padding="same")(x)
    x = layers.Dropout(dropout)(x)
    x = convolution(x, 192, 3)
    x = convolution(x, 192, 1)
    return keras.Model(images, x, name=name)
