"""A progress bar over a run."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from printing import bar_interval

from coarse2fine.training.run import MakeCallbacks
from coarse2fine.training.workdir import Workdir


def show_progress(workdir: str) -> MakeCallbacks:
    """The callbacks of `coarse2fine.training.train` that show one bar a run.

    Before a run they say which classes it leaves out, unless they have just said so.

    Args:
        workdir: of the run, or of the runs below it.
    """
    said = ""

    def make(name: str, steps: int) -> Sequence[keras.callbacks.Callback]:
        nonlocal said
        above = pathlib.Path(workdir)
        folders = (Workdir(folder / name) for folder in (above, above.parent))
        home = next(home for home in folders if home.config_file.is_file())
        text = _dropped_text(home.read_data()["dropped"])
        if text and text != said:
            print(text, flush=True)
        said = text
        return [_Progress(name, steps)]

    return make


def _dropped_text(dropped: Mapping[str, int]) -> str:
    if not dropped:
        return ""
    return (
        f"Classes that the taxonomy does not name, left out: {len(dropped)}, with "
        f"{sum(dropped.values())} images."
    )


class _Progress(keras.callbacks.Callback):
    _SHOWN = ("loss", "fine_top1", "coarse_top1")

    def __init__(self, name: str, steps: int):
        super().__init__()
        self._name = name
        self._steps = steps

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        done = int(self.model.optimizer.iterations.numpy())
        resumed = f", after {done} done before" if done else ""
        print(f"{self._name}: {self._steps - done} updates{resumed}", flush=True)
        self._done = 0
        self._bar = keras.utils.Progbar(
            self._steps - done,
            stateful_metrics=self._SHOWN,
            interval=bar_interval(),
            unit_name="update",
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._done += 1
        logs = logs or {}
        self._bar.update(
            self._done, [(name, float(logs[name])) for name in self._SHOWN if name in logs]
        )
