"""Convolutions behind batch normalisation, and the residual blocks that are made of them."""

from collections.abc import Sequence
from typing import Any

from keras import layers

from coarse2fine.layers import Conv2D


def convolution(x: Any, filters: int, size: int = 3, strides: int = 1) -> Any:
    """A convolution of unnormalised or activated features, without a bias."""
    return Conv2D(
        filters,
        size,
        strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
    )(x)


def activation(x: Any) -> Any:
    """Batch normalisation, then ReLU."""
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))


def block(x: Any, filters: int, strides: int, dropout: float) -> Any:
    """Two activated convolutions of 3x3 around a shortcut, with dropout between them.

    Where the shape changes, the shortcut is a 1x1 convolution of the activated input.
    """
    shortcut = x
    x = activation(x)
    if strides > 1 or shortcut.shape[-1] != filters:
        shortcut = convolution(x, filters, size=1, strides=strides)
    x = convolution(x, filters, strides=strides)
    x = activation(x)
    if dropout > 0:
        x = layers.Dropout(dropout)(x)
    x = convolution(x, filters)
    return layers.Add()([x, shortcut])


def groups(x: Any, channels: Sequence[int], blocks: int, dropout: float) -> Any:
    """A group of blocks for each number of channels; all but the first halve the resolution."""
    for group, filters in enumerate(channels):
        for place in range(blocks):
            x = block(x, filters, 2 if group > 0 and place == 0 else 1, dropout)
    return x
