"""A progress bar over a run."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import keras


def show_progress(name: str, steps: int) -> Sequence[keras.callbacks.Callback]:
    """The callbacks of `coarse2fine.training.train` that show one bar a run."""
    return [_Progress(name, steps)]


def say(line: str) -> None:
    """Prints a line at once, as `coarse2fine.training.train` takes it."""
    print(line, flush=True)


def show_share(name: str) -> Callable[[int, int], None]:
    """What shows one bar over work that reports `(done, total)`."""
    bar = None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            print(name, flush=True)
            bar = keras.utils.Progbar(total, unit_name="update")
        bar.update(done)

    return show


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
            interval=0.2 if sys.stdout.isatty() else 20.0,
            unit_name="update",
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._done += 1
        logs = logs or {}
        self._bar.update(
            self._done, [(name, float(logs[name])) for name in self._SHOWN if name in logs]
        )
