"""Where in its updates a run is."""

from typing import Any

import keras


class Progress(keras.callbacks.Callback):
    """Counts a run's updates and epochs, and ends training after the last update.

    Epochs end at the multiples of their length, and the last one with the run. Under loss scaling
    the optimizer leaves out updates that overflow and does not count them; the schedule of images
    goes on.

    Args:
        total_steps: updates of the run.
        steps_per_epoch: updates of an epoch.

    Attributes:
        step: updates done.
        epoch: epochs whose metrics have been written.
        epoch_start: updates that were done when the epoch in hand began.
    """

    def __init__(self, total_steps: int, steps_per_epoch: int):
        super().__init__()
        self.total_steps = total_steps
        self._steps_per_epoch = steps_per_epoch
        self.step = self.epoch = self.epoch_start = 0

    @property
    def state(self) -> dict[str, int]:
        """What a checkpoint keeps."""
        return {"step": self.step, "epoch": self.epoch, "epoch_start": self.epoch_start}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.step, self.epoch = state["step"], state["epoch"]
        self.epoch_start = state["epoch_start"]

    @property
    def epoch_end(self) -> int:
        """The update after which the epoch in hand ends."""
        whole = (self.epoch_start // self._steps_per_epoch + 1) * self._steps_per_epoch
        return min(whole, self.total_steps)

    @property
    def is_at_epoch_end(self) -> bool:
        """Whether the epoch in hand has all its updates, and its metrics are not yet written."""
        return self.epoch_start < self.step == self.epoch_end

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.step >= self.total_steps and not self.is_at_epoch_end

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Counts the update."""
        self.step += 1
        if self.step == self.total_steps:
            self.model.stop_training = True

    def begin_epoch(self) -> None:
        """Counts the epoch in hand as done."""
        self.epoch += 1
        self.epoch_start = self.step
