"""What the package promises about time and memory, measured.

`BENCHMARKS` maps a name to what measures it; the modules behind it are imported when they are
called, so that the names are known without waiting for TensorFlow.
"""

import importlib
from collections.abc import Callable

from coarse2fine.benchmarks.images import Images
from coarse2fine.benchmarks.measurement import Measurement, Settings

Benchmark = Callable[[Settings], list[Measurement]]


def _later(module: str) -> Benchmark:
    def measure(settings: Settings) -> list[Measurement]:
        return importlib.import_module(f"{__name__}.{module}").measure(settings)

    return measure


BENCHMARKS: dict[str, Benchmark] = {
    name: _later(name)
    for name in (
        "step",
        "epoch_end",
        "pipeline",
        "min_pool",
        "small_maps",
        "zca",
        "memory",
        "start",
        "confusion",
        "tsne",
        "taxonomy",
        "resume",
        "checkpoint",
        "determinism",
        "workers",
        "backing_off",
        "serving",
        "showing",
        "help",
        "pytorch",  # Last: it needs what the package does not.
    )
}

__all__ = ["BENCHMARKS", "Benchmark", "Images", "Measurement", "Settings"]
