"""The AlexNet of Lei 2017 for ImageNet."""

import keras
from keras import layers

from coarse2fine.backbones._arguments import check_arguments, scaled
from coarse2fine.backbones._caffe import check_size, max_pool, start
from coarse2fine.layers import LocalResponseNorm


def alexnet_imagenet(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    width: float = 1.0,
    dropout: float = 0.5,
    name: str = "alexnet_imagenet",
) -> keras.Model:
    """Caffe's AlexNet in a single column, up to the vector that its class maps are made from.

    Use it with `ClassFeatureMap(num_fine, activation="relu", map_size=6)`, the parallel fully
    connected layers of 36 units in place of the last layer. No convolution is grouped: with a last
    layer of 1000 units in their place it would have 62,378,344 parameters.

    Padding is Caffe's: none at the first convolution, pooling of 3x3 with stride 2 in ceil mode.
    Crops of 224, as in Lei 2017, and of 227, as in Caffe, both end in 6x6 locations before the
    fully connected layers (224 -> 54 -> 27 -> 13 -> 6, 227 -> 55 -> 27 -> 13 -> 6).

    The starting weights are Caffe's: gaussian with a standard deviation of .01 in convolutions and
    .005 in fully connected layers, biases of .1 but for zeros in the first and third convolution.
    They are meant for values of 0 to 255 less their mean (`--preprocess=center`). The papers leave
    the start of the parallel layers open; they keep `ClassFeatureMap`'s. As with `nin_imagenet`,
    the doubled learning rate and the missing weight decay of Caffe's biases are not done.

    Args:
        input_shape: Height and width, at least 39 each, and channels of the images.
        width: Factor on all numbers of channels and units, which are rounded and at least 1.
        dropout: Share of the activations dropped after each fully connected layer.
        name: Name of the model.

    Returns:
        A model from `(batch, height, width, channels)` to `(batch, 4096 * width)`.

    Raises:
        InputError: arguments out of range, or images too small.

    Example:
        >>> alexnet_imagenet(width=0.125).output_shape
        (None, 512)

    Reference:
        Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural
        Networks", NIPS 2012; as changed in Lei, Guo, Wang, CRV 2017.
    """
    check_arguments(name, input_shape, width, dropout)
    check_size(name, input_shape)
    channels = scaled(width)

    def convolution(x, filters, size, bias, **kwargs):
        arguments = {"padding": "same", **start(0.01, bias), **kwargs}
        return layers.Conv2D(channels(filters), size, activation="relu", **arguments)(x)

    def normalization(x):
        return LocalResponseNorm(size=5, alpha=1e-4, beta=0.75, mode="across_channels")(x)

    def fully_connected(x):
        x = layers.Dense(channels(4096), activation="relu", **start(0.005, bias=0.1))(x)
        return layers.Dropout(dropout)(x)

    images = x = keras.Input(input_shape)
    x = convolution(x, 96, 11, bias=0.0, strides=4, padding="valid")
    x = max_pool(normalization(x))
    x = convolution(x, 256, 5, bias=0.1)
    x = max_pool(normalization(x))
    x = convolution(x, 384, 3, bias=0.0)
    x = convolution(x, 384, 3, bias=0.1)
    x = convolution(x, 256, 3, bias=0.1)
    x = layers.Flatten()(max_pool(x))
    x = fully_connected(x)
    x = fully_connected(x)
    return keras.Model(images, x, name=name)
