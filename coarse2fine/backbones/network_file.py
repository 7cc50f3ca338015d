"""A user's own network, and weights to start from, read from files."""

import os
import pathlib
import re
import warnings
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import keras

from coarse2fine.backbones.keras_archive import check_archive, check_config
from coarse2fine.errors import InputError, shown

SUFFIX = ".keras"

_WEIGHTS_SUFFIXES = (".weights.h5", ".h5", SUFFIX)


def network_file(
    path: str | pathlib.Path,
    input_shape: Sequence[int] | None = None,
    width: float = 1.0,
    dropout: float | None = None,
) -> keras.Model:
    """A network that was saved as a `.keras` file, with the weights and the precision it has there.

    Use it for a network of your own, functional or sequential. Save it without its classifier, so
    that it ends in what class maps are made from: a feature map or a vector. Linear class maps
    follow it. Layers that were saved as not trainable stay so. Layers with Python code (`Lambda`)
    are refused, whoever wrote the file; so is float16, whose gradients need a scale of their own.

    Args:
        path: Of the file, which `model.save` wrote.
        input_shape: Height, width and channels of the images that it must take; None for any.
        width: 1; the file says how wide the network is.
        dropout: None; the file says what the network drops.

    Returns:
        A model from `(batch, height, width, channels)` to features of shape
        `(batch, height, width, channels)` or `(batch, units)`.

    Raises:
        InputError: a file that cannot be read, or a network that does not fit.
    """
    for argument, value, only in (("width", width, 1.0), ("dropout", dropout, None)):
        if value != only:
            raise InputError(f"The network in {path} has no {argument} to set, got {value!r}.")
    _check_file(path, is_zip=True)

    def load():
        check_archive(path)
        return keras.saving.load_model(path, compile=False, safe_mode=True)

    network = _reading(path, load)
    _check_network(network, f"The network in {path}", input_shape)
    return network


def network_from_json(text: str, path: pathlib.Path) -> keras.Model:
    """A network with fresh weights, from what its `to_json` gave.

    Args:
        text: JSON.
        path: where it stands, for messages.

    Raises:
        InputError: layers that Keras does not know.
    """

    def load():
        check_config(text)
        return keras.models.model_from_json(text)

    return _reading(path, load)


def load_weights(network: keras.Model, path: str | pathlib.Path) -> None:
    """Gives a base network weights from a file.

    Weights that the file has beyond the network's, such as a classifier's, are left out, except
    that an `.h5` file of Keras 2 must be of the same layers.

    Args:
        network: whose weights are set.
        path: a file of `save_weights` (`.weights.h5`) or `save` (`.keras`), or of Keras 2 (`.h5`).

    Raises:
        InputError: a file that cannot be read or has not all of the network's weights.
    """
    if not str(path).endswith(_WEIGHTS_SUFFIXES):
        raise InputError(f"{path} is no file of weights, expected {', '.join(_WEIGHTS_SUFFIXES)}.")
    _check_file(path, is_zip=str(path).endswith(SUFFIX))

    def load():
        # Keras warns of each layer that the file lacks; where it then raises, that says enough.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            network.load_weights(path)
        messages = [str(each.message) for each in caught if each.category is UserWarning]
        if messages:
            raise ValueError(messages[0])

    _reading(path, load, f" as weights of {network.name}")


def _check_network(
    network: keras.Model, name: str, image_shape: Sequence[int] | None = None
) -> None:
    taken = getattr(network, "input_shape", None)
    if not isinstance(taken, tuple) or len(taken) != 4:
        raise InputError(
            f"{name} takes inputs of shape {taken}, expected (batch, height, width, channels) of a "
            "functional or sequential model."
        )
    features = network.output_shape
    if not isinstance(features, tuple) or len(features) not in (2, 4):
        raise InputError(
            f"{name} ends in features of shape {features}, expected (batch, height, width, "
            "channels) or (batch, units). Save it as a model that ends there."
        )
    if image_shape is not None and not _fits(taken[1:], image_shape):
        raise InputError(
            f"{name} takes images of shape {taken[1:]}, and these have shape {tuple(image_shape)}."
        )
    if re.search(r'"(mixed_)?float16"', network.to_json()):
        raise InputError(f"{name} computes in float16. Save it in float32 or mixed_bfloat16.")


def _fits(taken: Sequence[int | None], given: Sequence[int]) -> bool:
    return len(taken) == len(given) and all(
        size in (None, other) for size, other in zip(taken, given, strict=True)
    )


def _check_file(path: str | pathlib.Path, is_zip: bool) -> None:
    if not os.path.isfile(path):
        raise InputError(f"There is no file {shown(path)}.")
    if is_zip and not zipfile.is_zipfile(path):
        raise InputError(f"{path} is no {SUFFIX} file: model.save did not write it.")


def _reading(path: str | pathlib.Path, read: Callable[[], Any], use: str = "") -> Any:
    try:
        return read()
    except Exception as error:  # Of any kind, where the file is damaged or not Keras's.
        raise InputError(f"{path} cannot be read{use}: {_reason(str(error))}") from error


def _reason(message: str) -> str:
    """What Keras's message, which can be pages long, says at heart."""
    if "deserialization of a `Lambda` layer" in message:
        return "it has a Lambda layer, which is Python code. Put a layer of Keras in its place."
    unknown = re.search(r"Could not locate (?:class|function) '([^']+)'", message)
    if unknown:
        return (
            f"it has a layer {unknown[1]!r} that Keras does not know. Import the module that "
            "registers it, or put a layer of Keras in its place."
        )
    lines = [line for line in message.splitlines() if line] or ["Keras does not say why."]
    # After "A total of 2 objects could not be loaded. Example ...:" comes the example.
    line = lines[1] if len(lines) > 1 and "could not be loaded" in lines[0] else lines[0]
    return line.partition(" Target variable:")[0]
