"""Accuracies at the end of each epoch."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from coarse2fine.data import Source, evaluation_batches
from coarse2fine.data.pipeline import Preprocess
from coarse2fine.training.config import Config
from coarse2fine.training.plan import Plan
from coarse2fine.training.workers import Workers


@dataclasses.dataclass(frozen=True)
class TrackedSet:
    """Images that are evaluated together.

    Attributes:
        source: of the images.
        batches: one pass over them.
        steps: how many batches that is.
    """

    source: Source
    batches: tf.data.Dataset
    steps: int


class Tracking(keras.callbacks.Callback):
    """Evaluates the model on more sets of images at the end of each epoch.

    Unlike the metrics of training batches, which change while the epoch goes on and are of
    augmented images under dropout, these are of one state of the network, as it predicts. They
    join the epoch's metrics for the callbacks that come later, each with its set's name before it.
    The metrics of the training epoch stay in the model.

    Args:
        sets: by name, as `tracked_sets` gives them.
        callbacks: of each evaluation.

    Raises:
        InputError: an image that cannot be read.
    """

    def __init__(
        self,
        sets: Mapping[str, TrackedSet],
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ):
        super().__init__()
        self._sets = sets
        self._callbacks = callbacks

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluates, and adds to `logs`."""
        if logs is None:
            return
        variables = self.model.metrics_variables
        values = [keras.ops.convert_to_numpy(variable) for variable in variables]
        try:
            for name, tracked in self._sets.items():
                with tracked.source.reading():
                    metrics = self.model.evaluate(
                        tracked.batches,
                        steps=tracked.steps,
                        verbose=0,
                        return_dict=True,
                        callbacks=[*self._callbacks],
                    )
                logs.update({f"{name}_{metric}": value for metric, value in metrics.items()})
        finally:
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)


def tracked_sets(
    plan: Plan, test_source: Source | None, preprocess: Preprocess, workers: Workers
) -> dict[str, TrackedSet]:
    """The sets that are evaluated after each epoch, by name.

    They are that of validation, where there is one, and those that the config asks for.

    Args:
        plan: of the run.
        test_source: of the test images; needed with `track_test_accuracy`.
        preprocess: as in training.
        workers: of the run, which share each batch.
    """
    config, tracked = plan.config, {}
    if len(plan.partition.validation):
        tracked["val"] = (plan.source, plan.partition.validation)
    if config.track_training_accuracy:
        indices = _sample(plan.training_images, config)
        tracked["training_set"] = (plan.source, indices)
    if config.track_test_accuracy and test_source is not None:
        tracked["test"] = (test_source, np.arange(len(test_source)))

    size = config.images_per_step

    def tracked_set(source: Source, indices: np.ndarray) -> TrackedSet:
        batches = workers.distribute(
            lambda replicas: evaluation_batches(source, indices, size, preprocess, replicas)
        )
        return TrackedSet(source, batches, -(-len(indices) // size))

    return {name: tracked_set(source, indices) for name, (source, indices) in tracked.items()}


def _sample(indices: np.ndarray, config: Config) -> np.ndarray:
    """The seeded `tracked_share` of these images; a larger share contains a smaller one."""
    order = np.random.default_rng(config.seed).permutation(len(indices))
    return indices[order[: max(1, round(config.tracked_share * len(indices)))]]
