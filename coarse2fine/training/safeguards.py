"""Callbacks that keep what a run has reached."""

import math
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from coarse2fine.errors import InputError
from coarse2fine.training.checkpoints import Checkpoints
from coarse2fine.training.progress import Progress
from coarse2fine.training.workers import Workers


class StopOnNonFiniteLoss(keras.callbacks.Callback):
    """Raises `InputError` at the first update whose loss is not a number or infinite.

    Args:
        progress: of the run.
        checkpoints: where the message sends its reader.
    """

    def __init__(self, progress: Progress, checkpoints: Checkpoints):
        super().__init__()
        self._progress = progress
        self._checkpoints = checkpoints

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at the mean loss of the epoch so far, which one bad update spoils."""
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            raise InputError(
                f"The loss is {loss} at step {self._progress.step}. {_advice(self._checkpoints)}"
            )


class Saver(keras.callbacks.Callback):
    """Saves a checkpoint every so often, at the end, and where validation was best.

    Args:
        progress: of the run; an epoch counts as done when this callback, the last of all, has seen
            its end.
        checkpoints: where to.
        state: gives what is saved beside the variables and the progress.
        every_seconds: between two checkpoints, at least.
        every_steps: updates between two checkpoints; None for none but those by time.
        monitor: the metric, greater is better, whose best epoch is kept, where there is one.
        best: its best value so far; None before the first.
        workers: of the run, which save together.
    """

    def __init__(
        self,
        progress: Progress,
        checkpoints: Checkpoints,
        state: Callable[[], dict[str, Any]],
        every_seconds: float,
        every_steps: int | None,
        monitor: str,
        best: float | None,
        workers: Workers,
    ):
        super().__init__()
        self._progress = progress
        self._checkpoints = checkpoints
        self._state = state
        self._every_seconds = every_seconds
        self._every_steps = every_steps
        self._monitor = monitor
        self._best = best
        self._workers = workers
        self._saved = time.monotonic()

    def save(self) -> None:
        """Saves; raises `InputError` where a weight is not finite."""
        self._check_finite()
        self._checkpoints.save(self._content())
        self._saved = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves where it is time."""
        step, every = self._progress.step, self._every_steps
        if self._is_time() or (every is not None and step % every == 0):
            self.save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves the best epoch, and the last."""
        self._progress.begin_epoch()
        value = (logs or {}).get(self._monitor)
        if value is not None and (self._best is None or value > self._best):
            self._check_finite()
            self._best = float(value)
            self._checkpoints.save_best(self._content())
        if self._is_time() or self._progress.step == self._progress.total_steps:
            self.save()

    def _content(self) -> dict[str, Any]:
        return {**self._progress.state, "best": self._best, **self._state()}

    def _is_time(self) -> bool:
        return self._workers.any(time.monotonic() - self._saved >= self._every_seconds)

    def _check_finite(self) -> None:
        if not all(np.isfinite(weight).all() for weight in self.model.get_weights()):
            raise InputError(
                f"A weight is not finite after step {self._progress.step}. "
                f"{_advice(self._checkpoints)}"
            )


def _advice(checkpoints: Checkpoints) -> str:
    return (
        f"The last good checkpoint: {checkpoints.newest or 'none'}. Start again in another workdir "
        "with a lower learning_rate."
    )
