"""How long a run on as many image files as ImageNet has takes to its first update."""

import pathlib
import time
from typing import Any

import keras

from coarse2fine.benchmarks.image_files import make_image_folder, small_config
from coarse2fine.benchmarks.measurement import Measurement, Settings, exact
from coarse2fine.process import call_in_process, peak_memory
from coarse2fine.training import train


def measure(
    settings: Settings, num_images: int = 1_281_167, num_fine: int = 1_000, num_coarse: int = 100
) -> list[Measurement]:
    """Seconds of a first start, of one with its index and of one that goes on; peak memory of all.

    Args:
        settings: of all benchmarks.
        num_images: files in the folder.
        num_fine: fine classes.
        num_coarse: coarse classes.
    """
    home = settings.workdir / "start"
    make_image_folder(home / "images", num_images, num_fine, num_coarse)
    (first, first_peak), (again, again_peak), (on, on_peak) = (
        call_in_process(
            __name__,
            "start",
            folder=str(home / "images"),
            workdir=str(home / name),
            cache_dir=str(home / "cache"),
            steps=steps,
            asked=time.time(),
        )
        for name, steps in (("first", 1), ("again", 1), ("again", 2))
    )
    what = (
        f"a new process to the end of the first update of a small network, {num_images:,} files "
        f"in {num_fine:,} folders that the system has in its cache"
    )
    peak = max(first_peak, again_peak, on_peak) / 2**30
    return [
        exact("start/first", first, 60.0, "s", f"from {what}"),
        exact("start/again", again, 15.0, "s", f"with the index of an earlier one, from {what}"),
        exact(
            "start/on", on - again, 15.0, "s", f"more, where a run goes on within a pass, of {what}"
        ),
        exact("start/memory", peak, 2.0, "GiB", f"peak of {what}"),
    ]


def start(
    folder: str, workdir: str, cache_dir: str, asked: float, steps: int = 1
) -> tuple[float, int]:
    """Trains for an update; returns the seconds to its end, and this process's peak in bytes.

    Args:
        folder: of the images.
        workdir: a new folder, or one with a run of an update less.
        cache_dir: of the index.
        asked: the time that the seconds are counted from.
        steps: of the run.
    """
    clock = _SecondsToUpdate(asked)
    config = small_config(folder, workdir, cache_dir=cache_dir, steps=steps, batch_size=32)
    train(config, pathlib.Path(workdir) / "run", lambda name, steps: [clock])
    return clock.seconds, peak_memory()


class _SecondsToUpdate(keras.callbacks.Callback):
    """Reads the clock once an update is done."""

    def __init__(self, asked: float):
        super().__init__()
        self._asked = asked
        self.seconds = float("nan")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        float((logs or {})["loss"])  # Waits for the update.
        self.seconds = time.time() - self._asked
