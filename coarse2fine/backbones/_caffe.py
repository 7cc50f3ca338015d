"""What networks of Caffe's model zoo are made of."""

from typing import Any

import keras
from keras import layers

from coarse2fine.errors import InputError

# A convolution of 11x11 and stride 4 without padding leaves 8 of 39, three poolings 4, 2 and 1.
_SMALLEST = 39


def check_size(network: str, input_shape: tuple[int, int, int]) -> None:
    """Raises `InputError` where nothing of the images would be left at the end of the network."""
    height, width, _ = input_shape
    if min(height, width) < _SMALLEST:
        raise InputError(
            f"{network}: images must be at least {_SMALLEST}x{_SMALLEST}, got {height}x{width}."
        )


def start(deviation: float, bias: float = 0.0) -> dict[str, keras.initializers.Initializer]:
    """Gaussian weights and constant biases, as arguments of a layer."""
    return {
        "kernel_initializer": keras.initializers.RandomNormal(stddev=deviation),
        "bias_initializer": keras.initializers.Constant(bias),
    }


def max_pool(x: Any) -> Any:
    """Pooling of 3x3 with stride 2 in ceil mode: the last window may reach over the end.

    Args:
        x: features that are never negative, so that a zero beyond the end is no maximum.
    """
    over = tuple((0, 1 - size % 2) for size in x.shape[1:3])
    if any(map(any, over)):
        x = layers.ZeroPadding2D(over)(x)
    return layers.MaxPooling2D(3, strides=2)(x)
