"""Files that are written whole or not at all."""

import json
import os
import pathlib
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from coarse2fine.errors import InputError


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes UTF-8 text in place of what was there."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: pathlib.Path, content: bytes) -> None:
    """Writes bytes in place of what was there."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)


def write_json(path: pathlib.Path, content: Any) -> None:
    """Writes JSON in place of what was there."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_json(path: pathlib.Path, keys: Iterable[str]) -> dict[str, Any]:
    """Reads an object that `write_json` wrote.

    Raises:
        InputError: a file that is missing, is no JSON object or lacks one of `keys`.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {**content, **{key: content[key] for key in keys}}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _unreadable(path, error) from error


def write_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes an `.npz` file in place of what was there."""
    unfinished = path.with_name(path.name + ".unfinished")
    named: dict[str, Any] = dict(arrays)
    with unfinished.open("wb") as file:
        np.savez(file, **named)
    os.replace(unfinished, path)


def read_arrays(path: pathlib.Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Reads these arrays of what `write_arrays` wrote.

    Raises:
        InputError: a file that is missing, holds no arrays or lacks one of `names`.
    """
    try:
        with np.load(path, allow_pickle=False) as saved:
            return {name: saved[name] for name in names}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: pathlib.Path, error: Exception) -> InputError:
    reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
    return InputError(f"{path} cannot be read: {reason}. It was not written by this version.")
