"""Network In Network for ImageNet."""

import keras
from keras import layers

from coarse2fine.backbones._arguments import check_arguments, scaled
from coarse2fine.backbones._caffe import check_size, max_pool, start


def nin_imagenet(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    width: float = 1.0,
    dropout: float = 0.5,
    name: str = "nin_imagenet",
) -> keras.Model:
    """Network In Network for ImageNet, up to the features of its class maps.

    Use it with `ClassFeatureMap(num_fine, activation="relu")`, its last 1x1 convolution: with 1000
    classes both have 7,595,176 parameters. Crops of 224, as of 227, end in maps of 6x6.

    Padding is Caffe's: none at the first convolution (224 -> 54), pooling of 3x3 with stride 2 in
    ceil mode (54 -> 27 -> 13 -> 6). So are the starting weights, gaussian of a standard deviation
    of .01 in the first convolutions of the first and third block and of .05 elsewhere, and zero
    biases. They are meant for values of 0 to 255 less their mean (`--preprocess=center`): nothing
    normalises between them, so images of unit variance start with features about 60 times smaller.
    The paper leaves the start of the class maps open; they keep `ClassFeatureMap`'s.

    Two things of the Caffe original are not the network's and not done: there biases have twice the
    learning rate and no weight decay.

    Args:
        input_shape: Height and width, at least 39 each, and channels of the images.
        width: Factor on all numbers of channels, which are rounded and at least 1.
        dropout: Share of the activations dropped after the last pooling.
        name: Name of the model.

    Returns:
        A model from `(batch, height, width, channels)` to `(batch, 6, 6, 1024 * width)`, for
        images of 224x224.

    Raises:
        InputError: arguments out of range, or images too small.

    Example:
        >>> nin_imagenet(width=0.25).output_shape
        (None, 6, 6, 256)

    Reference:
        Lin, Chen, Yan, "Network In Network", ICLR 2014, with the layers and the start of its
        authors' network for Caffe; as used in Lei, Guo, Wang, CRV 2017.
    """
    check_arguments(name, input_shape, width, dropout)
    check_size(name, input_shape)
    channels = scaled(width)

    def convolution(x, filters, size, deviation=0.05, **kwargs):
        arguments = {"padding": "same", **start(deviation), **kwargs}
        return layers.Conv2D(channels(filters), size, activation="relu", **arguments)(x)

    images = x = keras.Input(input_shape)
    x = convolution(x, 96, 11, 0.01, strides=4, padding="valid")
    x = convolution(x, 96, 1)
    x = convolution(x, 96, 1)
    x = max_pool(x)
    x = convolution(x, 256, 5)
    x = convolution(x, 256, 1)
    x = convolution(x, 256, 1)
    x = max_pool(x)
    x = convolution(x, 384, 3, 0.01)
    x = convolution(x, 384, 1)
    x = convolution(x, 384, 1)
    x = max_pool(x)
    x = layers.Dropout(dropout)(x)
    x = convolution(x, 1024, 3)
    x = convolution(x, 1024, 1)
    return keras.Model(images, x, name=name)
