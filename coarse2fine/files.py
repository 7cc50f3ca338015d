"""Files that are written whole or not at all."""

import json
import os
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from coarse2fine.errors import InputError


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes UTF-8 text in place of what was there."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def write_json(path: pathlib.Path, content: Any) -> None:
    """Writes JSON in place of what was there."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes an `.npz` file in place of what was there."""
    unfinished = path.with_name(path.name + ".unfinished")
    with unfinished.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    os.replace(unfinished, path)


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads what `write_arrays` wrote.

    Raises:
        InputError: a file that is missing or holds no arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as saved:
            return dict(saved)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
