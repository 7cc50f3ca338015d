"""A run and its workdir.

`Config` needs no TensorFlow; the rest is imported when first used.
"""

import importlib
from typing import Any

from coarse2fine.training.config import CHOICES, Config

_LATER = {
    "Description": "description",
    "Run": "run",
    "describe": "description",
    "is_chief": "workers",
    "load_run": "run",
    "load_split": "run",
    "train": "run",
}

__all__ = ["CHOICES", "Config", *_LATER]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
