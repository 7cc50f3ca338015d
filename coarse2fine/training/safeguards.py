"""Callbacks that end a run where it should, and keep what it has reached."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from coarse2fine.errors import InputError
from coarse2fine.training.checkpoints import Checkpoints


class StepCounter(keras.callbacks.Callback):
    """Counts the updates of a run, and ends training after the last, within an epoch if need be.

    Under loss scaling the optimizer leaves out updates that overflow and does not count them; the
    schedule of images goes on.

    Args:
        step: updates that are done.
        total_steps: updates of the run.

    Attributes:
        step: updates done so far.
    """

    def __init__(self, step: int, total_steps: int):
        super().__init__()
        self.step = step
        self._total_steps = total_steps

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Counts the update."""
        self.step += 1
        if self.step == self._total_steps:
            self.model.stop_training = True


class StopOnNonFiniteLoss(keras.callbacks.Callback):
    """Raises `InputError` at the first update whose loss is not a number or infinite.

    Args:
        counter: of the updates.
        checkpoints: where the message sends its reader.
    """

    def __init__(self, counter: StepCounter, checkpoints: Checkpoints):
        super().__init__()
        self._counter = counter
        self._checkpoints = checkpoints

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at the mean loss of the epoch so far, which one bad update spoils."""
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            raise InputError(
                f"The loss is {loss} at step {self._counter.step}. {_advice(self._checkpoints)}"
            )


class SaveEachEpoch(keras.callbacks.Callback):
    """Saves a checkpoint after each epoch; raises `InputError` where a weight is not finite.

    Args:
        counter: of the updates.
        checkpoints: where to.
        state: gives what is saved beside the variables.
    """

    def __init__(
        self, counter: StepCounter, checkpoints: Checkpoints, state: Callable[[], dict[str, Any]]
    ):
        super().__init__()
        self._counter = counter
        self._checkpoints = checkpoints
        self._state = state

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves."""
        step = self._counter.step
        if not all(np.isfinite(weight).all() for weight in self.model.get_weights()):
            raise InputError(
                f"A weight is not finite after step {step}. {_advice(self._checkpoints)}"
            )
        self._checkpoints.save(step, {"epoch": epoch + 1, **self._state()})


def _advice(checkpoints: Checkpoints) -> str:
    return (
        f"The last good checkpoint: {checkpoints.newest or 'none'}. Start again in another workdir "
        "with a lower learning_rate."
    )
