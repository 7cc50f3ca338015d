"""What passes without a step at the end of an epoch or of an evaluation."""

import math
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from coarse2fine.benchmarks.measurement import Measurement, Settings
from coarse2fine.data import Schedule, evaluation_batches, training_batches
from coarse2fine.training import Config
from coarse2fine.training.build_model import build_model
from coarse2fine.training.optimizer import make_optimizer
from coarse2fine.training.preprocessing import fit_preprocessing, make_preprocessing

_BATCH_SIZE = 128
_CALIBRATION = 20  # steps


class Waits(keras.callbacks.Callback):
    """Collects the seconds from the end of one thing that `fit` does to the next.

    Args:
        clock: gives seconds.

    Attributes:
        waits: `(what ended, what came next, seconds)` in order, where what came next is no step.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter):
        super().__init__()
        self._clock = clock
        self.waits: list[tuple[str, str, float]] = []
        self._last: tuple[str, float] | None = None

    def _came(self, what: str, is_step: bool = False) -> None:
        now = self._clock()
        if self._last is not None and not is_step:
            self.waits.append((self._last[0], what, now - self._last[1]))
        self._last = what, now

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the time once the step is done on every device."""
        float((logs or {})["loss"])
        self._came("training step", is_step=True)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the time once the step is done on every device."""
        float((logs or {})["loss"])
        self._came("evaluation step", is_step=True)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Notes the time."""
        self._came("evaluation's begin")

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Notes the time."""
        self._came("evaluation's end")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the time."""
        self._came("epoch's end")

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the time, but for the first epoch."""
        if self._last is not None:
            self._came("epoch's begin")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Notes the time."""
        self._came("training's end")


def measure(
    settings: Settings, epochs: int = 4, seconds: float = 4.0, width: float = 0.1
) -> list[Measurement]:
    """The longest wait in a `fit` with validation.

    Args:
        settings: of all benchmarks.
        epochs: of the fit.
        seconds: of each epoch's training, and about as much of its validation.
        width: of NIN.
    """
    source = settings.images.load()
    half = len(source) // 2
    statistics = fit_preprocessing("standardize", source, np.arange(min(1000, len(source))))
    preprocess = make_preprocessing("standardize", statistics, source.image_shape)
    training = training_batches(
        source,
        np.arange(half),
        np.arange(half, 2 * half),
        Schedule(half, half, _BATCH_SIZE, seed=0),
        preprocess,
    )
    config = Config(width=width)
    model = build_model(config, source.taxonomy, source.image_shape)
    model.compile(optimizer=make_optimizer(config, steps=1))
    model.optimizer.build(model.trainable_variables)

    fit(model, training, steps=2)
    start = time.perf_counter()
    fit(model, training, _CALIBRATION)
    steps = math.ceil(seconds * _CALIBRATION / (time.perf_counter() - start))
    # An evaluation step takes about a third of a training step.
    held_out = np.resize(np.arange(len(source)), 3 * steps * _BATCH_SIZE)
    validation = evaluation_batches(source, held_out, _BATCH_SIZE, preprocess)
    collected = Waits()
    fit(model, training, steps, epochs, validation, collected)
    waits = collected.waits

    ended, came, longest = max(waits, key=lambda wait: wait[2])
    values = [wait[2] for wait in waits]
    return [
        Measurement(
            "epoch_end/wait",
            longest,
            min(values),
            longest,
            bound=0.2,
            unit="s",
            note=(
                f"longest wait in {epochs} epochs of {steps} training and {3 * steps} evaluation "
                f"steps, NIN of width {width:g}, {settings.images.kind}: from "
                f"{ended} to {came}"
            ),
            interval=f"shortest and longest of {len(waits)} waits",
        )
    ]


def fit(
    model: keras.Model,
    training: tf.data.Dataset,
    steps: int,
    epochs: int = 1,
    validation: tf.data.Dataset | None = None,
    *callbacks: keras.callbacks.Callback,
) -> None:
    """Trains as a run does."""
    model.fit(
        training,
        steps_per_epoch=steps,
        epochs=epochs,
        validation_data=validation,
        callbacks=list(callbacks),
        shuffle=False,
        verbose=0,
    )
