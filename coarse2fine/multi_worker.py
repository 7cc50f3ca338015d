"""What Keras 3 lacks to train one model on several machines.

Under `tf.distribute.MultiWorkerMirroredStrategy` its `fit` fails in two places
(https://github.com/keras-team/keras/issues/20585, open for Keras 3.15): to build the model it takes
the mean of a batch over workers, which are in other processes; and it takes the mean of each logged
value over an axis that scalars have not. Where the test of this module says that plain models can
be trained, this module can go.
"""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from coarse2fine.errors import InputError


class MultiWorkerModel(keras.Model):
    """A model that several workers can train: it is built before, and its steps give `as_logs`."""

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        has_optimizer = self.optimizer is None or self.optimizer.built
        if self.built and has_optimizer:
            return  # Keras would take a batch from the data to find that out.
        if num_workers(self.distribute_strategy) == 1:
            super()._maybe_symbolic_build(iterator, data_batch)
            return
        if not self.built:
            raise InputError(
                "A model that several workers train is built before: call it once on an image."
            )
        with self.distribute_strategy.scope():
            self.optimizer.build(self.trainable_variables)


def num_workers(strategy: tf.distribute.Strategy) -> int:
    """How many processes a strategy computes in."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 1
    return strategy.num_replicas_in_sync // len(strategy.extended.worker_devices)


def as_logs(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """A step's values, in the shape that Keras takes the mean of over all workers."""
    if num_workers(tf.distribute.get_strategy()) == 1:
        return dict(metrics)
    return {name: tf.reshape(value, (1,)) for name, value in metrics.items()}
