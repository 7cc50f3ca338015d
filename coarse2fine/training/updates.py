"""All updates of a run, in as many calls of `fit` as its epochs need."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from coarse2fine.data import training_batches
from coarse2fine.data.pipeline import Slice
from coarse2fine.errors import InputError
from coarse2fine.model import CoarseToFine
from coarse2fine.training.plan import Plan
from coarse2fine.training.progress import Progress
from coarse2fine.training.workers import Workers


class OneTraining(keras.callbacks.CallbackList):
    """Callbacks to which several calls of `fit` are one training.

    The first epoch may be one that an earlier call began: its metrics go on from what the model
    has, where `fit` would begin anew. A callback that asks for an end before the last update is
    refused: it would cut an epoch short, which a run that goes on could not know.
    """

    def __init__(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        model: CoarseToFine,
        progress: Progress,
    ):
        super().__init__([*callbacks], add_history=True, model=model)
        self._progress = progress
        variables = model.metrics_variables
        self._begun = [keras.ops.convert_to_numpy(variable) for variable in variables]

    def begin(self) -> None:
        """Tells the callbacks that training begins."""
        super().on_train_begin()

    def end(self) -> None:
        """Tells them that it has ended."""
        super().on_train_end()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Nothing: that is `begin`."""

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Nothing: that is `end`."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Gives the first epoch the metrics that it has so far."""
        for variable, value in zip(self.model.metrics_variables, self._begun, strict=False):
            variable.assign(value)
        self._begun = []
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Ends an update."""
        super().on_train_batch_end(batch, logs)
        self._check_goes_on()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Ends the epoch in hand, which may be one whose updates an earlier call made."""
        self._begun = []
        super().on_epoch_end(epoch, logs)
        self._check_goes_on()

    def _check_goes_on(self) -> None:
        step, total = self._progress.step, self._progress.total_steps
        if self.model.stop_training and step < total:
            raise InputError(
                f"A callback set stop_training at update {step} of {total}, and a run makes all of "
                "its updates. Leave that callback out, or ask for fewer steps."
            )


def make_updates(
    model: CoarseToFine,
    plan: Plan,
    preprocess: keras.layers.Layer,
    progress: Progress,
    callbacks: OneTraining,
    workers: Workers,
) -> None:
    """Calls `fit` for the rest of the epoch in hand, and then for all that follow."""
    whole = plan.schedule.steps_per_epoch

    def batches(replicas: Slice) -> tf.data.Dataset:
        return training_batches(
            plan.source,
            plan.fine_labelled,
            plan.coarse_only,
            plan.schedule,
            preprocess,
            plan.config.augment,
            progress.step,
            replicas,
        )

    callbacks.begin()
    if progress.is_at_epoch_end:
        callbacks.on_epoch_end(progress.epoch, model.get_metrics_result())
    while progress.step < plan.steps:
        rest = progress.epoch_end - progress.step
        following = -(-(plan.steps - progress.step) // whole) if rest == whole else 1
        model.fit(
            workers.distribute(batches),
            steps_per_epoch=rest,
            initial_epoch=progress.epoch,
            epochs=progress.epoch + following,
            callbacks=callbacks,
            shuffle=False,  # The schedule has done it.
            verbose=0,
        )
    callbacks.end()
