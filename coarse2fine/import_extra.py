"""Modules that come with the extra `figures`."""

import importlib
from typing import Any

from coarse2fine.errors import InputError


def import_extra(module: str) -> Any:
    """Imports a module of the extra when it is first needed.

    Raises:
        InputError: the extra is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{module.partition('.')[0]} is not installed: pip install 'coarse2fine[figures]'."
        ) from error
