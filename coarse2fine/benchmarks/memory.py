"""The memory of a training run, and what it owes to the number of images."""

import dataclasses
import pathlib
from typing import Any

import keras

from coarse2fine.benchmarks.image_files import make_image_folder, small_config
from coarse2fine.benchmarks.images import Images
from coarse2fine.benchmarks.measurement import Measurement, Settings, exact
from coarse2fine.process import call_in_process, peak_memory, resident_memory
from coarse2fine.training import Config, train

# Of the runs on image files.
_IMAGE_SIZE = 96
_BATCH_SIZE = 100


def measure(
    settings: Settings,
    first: int = 200,
    last: int = 2_000,
    num_files: int = 1_000,
    **changes: Any,
) -> list[Measurement]:
    """A run's peak memory, what it takes more between two steps, and with ten times the images.

    Args:
        settings: of all benchmarks.
        first: step after which memory is read first.
        last: last step, after which it is read again.
        num_files: image files of the smaller of two folders, a multiple of 10.
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
    measurements = [exact("memory/peak", peak / 2**30, 3.0, "GiB", f"peak of {run}{unread}")]
    if growth is not None:
        note = f"growth of resident memory from step {first} on, {run}"
        measurements.append(exact("memory/growth", growth / 2**20, 50.0, "MiB", note))
        measurements.append(_measure_images(settings.workdir / "memory_images", num_files))
    return measurements


def _measure_images(home: pathlib.Path, num_files: int) -> Measurement:
    """What a run holds more that sees ten times the image files, once each, in as many steps."""
    counts = (num_files, 10 * num_files)
    held = []
    for count in counts:
        folder = home / f"images_{count}"
        make_image_folder(folder, count, num_fine=10, num_coarse=2)
        held.append(
            call_in_process(
                __name__,
                "train_on_files_and_weigh",
                folder=str(folder),
                workdir=str(home / f"run_{count}"),
                steps=counts[1] // _BATCH_SIZE,
            )
        )
    more = counts[1] - counts[0]
    note = (
        f"resident memory after {counts[1] // _BATCH_SIZE} steps over that before the data set is "
        f"loaded, {counts[1]:,} image files less {counts[0]:,}; the pixels of the {more:,} more "
        f"take {more * _IMAGE_SIZE**2 * 3 / 2**20:.0f} MiB"
    )
    return exact("memory/images", (held[1] - held[0]) / 2**20, 32.0, "MiB", note)


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


def train_on_files_and_weigh(folder: str, workdir: str, steps: int) -> int:
    """Trains on a folder's images; returns what this process holds more than before, in bytes."""
    config = small_config(folder, workdir, _IMAGE_SIZE, steps=steps, batch_size=_BATCH_SIZE)
    before = resident_memory()
    reader = _MemoryAt((steps,))
    train(config, pathlib.Path(workdir) / "run", lambda name, steps: [reader])
    (after,) = reader.resident
    assert before is not None
    assert after is not None
    return after - before


class _MemoryAt(keras.callbacks.Callback):
    """Reads the resident memory after some steps."""

    def __init__(self, steps: tuple[int | None, ...]):
        super().__init__()
        self._steps = steps
        self.resident: list[int | None] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if int(self.model.optimizer.iterations) in self._steps:
            self.resident.append(resident_memory())
