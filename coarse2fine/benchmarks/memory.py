"""The memory of a training run."""

import dataclasses
import pathlib
from typing import Any

import keras

from coarse2fine.benchmarks.images import Images
from coarse2fine.benchmarks.measurement import Measurement, Settings
from coarse2fine.process import call_in_process, peak_memory, resident_memory
from coarse2fine.training import Config, train


def measure(
    settings: Settings,
    first: int = 200,
    last: int = 2_000,
    **changes: Any,
) -> list[Measurement]:
    """A run's peak memory, and what it takes more between two steps.

    Args:
        settings: of all benchmarks.
        first: step after which memory is read first.
        last: last step, after which it is read again.
        **changes: to the config of the run.
    """
    values = {"width": 0.25, "steps": last, **changes}
    peak, growth = call_in_process(
        __name__,
        "train_and_weigh",
        workdir=str(settings.workdir / "memory"),
        images=dataclasses.asdict(settings.images),
        first=first,
        changes=values,
    )
    run = f"{last} steps of NIN of width {values['width']:g}, {settings.images.kind}"
    unread = "" if growth is not None else "; there is no /proc to read its growth from"
    measurements = [_exact("memory/peak", peak / 2**30, 3.0, "GiB", f"peak of {run}{unread}")]
    if growth is not None:
        note = f"growth of resident memory from step {first} on, {run}"
        measurements.append(_exact("memory/growth", growth / 2**20, 50.0, "MiB", note))
    return measurements


def _exact(name: str, value: float, bound: float, unit: str, note: str) -> Measurement:
    return Measurement(name, value, value, value, bound, unit, note=note)


def train_and_weigh(
    workdir: str, images: dict[str, Any], first: int, changes: dict[str, Any]
) -> tuple[int, int | None]:
    """Trains on `Images(**images)`; returns this process's peak and its growth in bytes.

    The growth is None where there is no /proc.
    """
    config = Config(dataset="cifar100", **changes)
    reader = _MemoryAt((first, config.steps))
    train(config, pathlib.Path(workdir), lambda name, steps: [reader], Images(**images).load())
    before, after = reader.resident
    return peak_memory(), None if before is None or after is None else after - before


class _MemoryAt(keras.callbacks.Callback):
    """Reads the resident memory after some steps."""

    def __init__(self, steps: tuple[int | None, ...]):
        super().__init__()
        self._steps = steps
        self.resident: list[int | None] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if int(self.model.optimizer.iterations) in self._steps:
            self.resident.append(resident_memory())
