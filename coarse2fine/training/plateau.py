"""The learning rate that falls when validation accuracy stalls."""

from typing import Any

import keras

from coarse2fine.training.progress import Progress


class Plateau(keras.callbacks.Callback):
    """Multiplies the learning rate by a factor when a metric has stalled.

    Unlike `keras.callbacks.ReduceLROnPlateau` its state can be saved and restored, and it keeps
    the changes that it made, so that they can be replayed.

    Args:
        monitor: name of a metric that should rise.
        factor: what the learning rate is multiplied by.
        patience: epochs without a better value after which it stalled.
        progress: of the run.
        rate: the learning rate to begin with, after any warm-up.
    """

    def __init__(self, monitor: str, factor: float, patience: int, progress: Progress, rate: float):
        super().__init__()
        self.monitor = monitor
        self.factor = factor
        self.patience = patience
        self.progress = progress
        self.rate = rate
        self.state: dict[str, Any] = {"best": -1.0, "waited": 0, "changes": []}

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Looks at the metric, and lowers the rate where it stalled."""
        value = float((logs or {})[self.monitor])
        if value > self.state["best"]:
            self.state.update(best=value, waited=0)
            return
        self.state["waited"] += 1
        if self.state["waited"] >= self.patience:
            changes = self.state["changes"]
            rate = (changes[-1][1] if changes else self.rate) * self.factor
            self.model.optimizer.learning_rate = rate
            self.state.update(waited=0, changes=[*changes, [self.progress.step, rate]])
