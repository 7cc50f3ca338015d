"""The AlexNet of Lei 2017 for small images."""

import keras
from keras import layers

from coarse2fine.backbones._arguments import check_arguments, scaled
from coarse2fine.layers import LocalResponseNorm


def alexnet(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    width: float = 1.0,
    dropout: float = 0.5,
    name: str = "alexnet",
) -> keras.Model:
    """Lei's AlexNet for CIFAR-100, up to the vector that its class maps are made from.

    Use it with whitened images and `ClassFeatureMap(num_fine, activation="relu", map_size=6)`,
    the parallel fully connected layers of 36 units. The convolutions are those of Caffe's
    cifar10_full. The first one starts at a standard deviation of 1e-4, all other weights with
    He initialisation, all biases at zero.

    Pooling is 3x3 with stride 2 in 'same' padding. For even sizes (32 -> 16 -> 8 -> 4) that is
    Caffe's ceil mode: one row and column more at the end, left out of an average's divisor. For
    odd sizes it gives one location more than ceil mode does.

    Args:
        input_shape: Height, width and channels of the images.
        width: Factor on all numbers of channels and units, which are rounded and at least 1.
        dropout: Share of the activations dropped after the fully connected layer.
        name: Name of the model.

    Returns:
        A model from `(batch, height, width, channels)` to `(batch, 1024 * width)`.

    Example:
        >>> alexnet().output_shape
        (None, 1024)

    Reference:
        Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural
        Networks", NIPS 2012; as changed for CIFAR-100 in Lei, Guo, Wang, CRV 2017.
    """
    check_arguments(name, input_shape, width, dropout)
    channels = scaled(width)

    def convolution(x, filters, initializer="he_normal"):
        return layers.Conv2D(channels(filters), 5, padding="same", kernel_initializer=initializer)(
            x
        )

    def normalization(x):
        return LocalResponseNorm(size=3, alpha=5e-5, beta=0.75, mode="within_channel")(x)

    images = x = keras.Input(input_shape)
    x = convolution(x, 32, keras.initializers.RandomNormal(stddev=1e-4))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = layers.ReLU()(x)
    x = normalization(x)
    x = convolution(x, 32)
    x = layers.ReLU()(x)
    x = layers.AveragePooling2D(3, strides=2, padding="same")(x)
    x = normalization(x)
    x = convolution(x, 64)
    x = layers.ReLU()(x)
    x = layers.AveragePooling2D(3, strides=2, padding="same")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(channels(1024), activation="relu", kernel_initializer="he_normal")(x)
    x = layers.Dropout(dropout)(x)
    return keras.Model(images, x, name=name)
