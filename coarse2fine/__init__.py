"""Fine classifiers from images of which only some carry a fine label.

Submodules are imported when first used, so that `import coarse2fine` and a launcher's `--help` do
not wait for TensorFlow.
"""

import importlib
import types

__version__ = "0.1.0"

_SUBMODULES = (
    "backbones",
    "benchmarks",
    "data",
    "errors",
    "evaluation",
    "experiments",
    "export",
    "layers",
    "losses",
    "metrics",
    "model",
    "page",
    "reproduction",
    "taxonomy",
    "training",
)


def __getattr__(name: str) -> types.ModuleType:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBMODULES])
