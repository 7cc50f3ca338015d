"""The networks of `keras.applications`, by name."""

import inspect
import sys
from typing import Any

import keras
import numpy as np

from coarse2fine.errors import InputError, check_known

PREFIX = "keras.applications."


def application(
    network: str,
    input_shape: tuple[int, int, int] = (224, 224, 3),
    width: float = 1.0,
    dropout: float | None = None,
) -> keras.Model:
    """A network of `keras.applications`, up to its last feature map.

    Use it where accuracy or speed asks for a newer network than the papers'. It starts with random
    weights: nothing is downloaded. Linear class maps follow it. In a config it is
    `keras.applications.ResNet50` and the like, with `preprocess="own"` for its own preprocessing.

    Args:
        network: Its name in `keras.applications`: `ResNet50`, `EfficientNetB0` and so on.
        input_shape: Height, width and channels of the images.
        width: 1; these networks have no other.
        dropout: None; these networks drop what they drop.

    Returns:
        A model from `(batch, height, width, channels)` to features of rank 4.

    Raises:
        InputError: an unknown network, images that it does not take, another width, or a dropout.

    Example:
        >>> application("MobileNet", input_shape=(32, 32, 3)).output_shape
        (None, 1, 1, 1024)
    """
    check_application(network)
    for argument, value, only in (("width", width, 1.0), ("dropout", dropout, None)):
        if value != only:
            raise InputError(f"{PREFIX}{network} has no {argument} to set, got {value!r}.")
    make = getattr(keras.applications, network)
    try:
        return make(include_top=False, weights=None, input_shape=tuple(input_shape), pooling=None)
    except ValueError as error:
        raise InputError(
            f"{PREFIX}{network} cannot take images of shape {tuple(input_shape)}: {error}"
        ) from error


def check_application(network: str) -> None:
    """Raises `InputError` naming the networks of `keras.applications` where it is none of them."""
    known = [name for name, value in vars(keras.applications).items() if inspect.isfunction(value)]
    check_known("network of keras.applications", network, known)


def preprocess_input(network: str, images: Any) -> Any:
    """The preprocessing that a network of `keras.applications` was published with.

    Args:
        network: Its name in `keras.applications`.
        images: `(batch, height, width, channels)` float32 from 0 to 255.
    """
    module = getattr(keras.applications, network).__module__
    return sys.modules[module].preprocess_input(images)


def preprocesses_inside(network: str) -> bool:
    """Whether a network of `keras.applications` takes values from 0 to 255 as they are."""
    pixel = np.full((1, 1, 1, 3), 255.0, np.float32)
    return np.array_equal(preprocess_input(network, pixel.copy()), pixel)
