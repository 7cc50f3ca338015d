"""What a `.keras` file says, before Keras builds a network of it."""

import json
import pathlib
import zipfile
from collections.abc import Iterator
from typing import Any

import keras

_CONFIG = "config.json"
_MEMBERS = {_CONFIG, "metadata.json", "model.weights.h5"}
_MOST_CONFIG_BYTES = 64 * 2**20
# Keras does not compress; a file that was since is at most this many times smaller.
_MOST_EXPANSION = 20

# Layers that are programs of their own, or that read files.
_PROGRAMS = (
    "TFSMLayer",
    "TorchModuleWrapper",
    "JaxLayer",
    "FlaxLayer",
    "StringLookup",
    "IntegerLookup",
    "TextVectorization",
)
# Where functions may come from; `keras.utils` and the like have some that touch files.
_OF_FUNCTIONS = ("builtins", "keras.activations", "keras.initializers", "keras.ops")


def check_archive(path: str | pathlib.Path) -> None:
    """Raises `ValueError` unless a `.keras` file holds a network of Keras's layers, and no more.

    Keras's safe mode looks at the same and at more, in each version otherwise. This says it first:
    no member beyond what a network has, none that a few bytes expand to, and no name of a class
    that is not Keras's own or registered in this program.

    Args:
        path: of a zip file.
    """
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        names = [info.filename for info in infos]
        others = sorted(set(names) - _MEMBERS)
        if others or len(set(names)) < len(names):
            raise ValueError(f"it holds {others or names}, expected {', '.join(sorted(_MEMBERS))}")
        for info in infos:
            if info.file_size > _MOST_EXPANSION * max(info.compress_size, 1):
                raise ValueError(f"its {info.filename} expands to {info.file_size:,} bytes")
        if _CONFIG in names and archive.getinfo(_CONFIG).file_size > _MOST_CONFIG_BYTES:
            raise ValueError(f"its {_CONFIG} has more than {_MOST_CONFIG_BYTES:,} bytes")
        check_config(archive.read(_CONFIG))


def check_config(text: str | bytes) -> None:
    """Raises `ValueError` unless the JSON of a network names Keras's own objects alone.

    Or those that this program has registered with `register_keras_serializable`.
    """
    for named in _objects(json.loads(text)):
        name, module = named["class_name"], named.get("module")
        registered = named.get("registered_name") or name
        if isinstance(registered, str) and keras.saving.get_registered_object(registered):
            continue
        if name == "function":
            function = named.get("config")
            if module not in _OF_FUNCTIONS and not keras.saving.get_registered_object(function):
                raise ValueError(f"Could not locate function '{function}'")
        elif name in _PROGRAMS:
            raise ValueError(f"it has a {name}, which is a program of its own or reads files")
        elif module is not None and str(module).partition(".")[0] not in ("keras", "builtins"):
            raise ValueError(f"Could not locate class '{name}'")


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Each object in a config that names a class."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("class_name"), str):
                yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
