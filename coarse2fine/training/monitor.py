"""What a run writes while it trains: metrics.jsonl and TensorBoard events."""

import json
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from coarse2fine.errors import InputError, listed
from coarse2fine.files import append_text, write_text
from coarse2fine.training.events import remove_events_after, sync_events, writing_events
from coarse2fine.training.optimizer import learning_rate
from coarse2fine.training.progress import Progress
from coarse2fine.training.workdir import Workdir

_PICTURES = 10

# What the name of a metric begins with, and the TensorBoard run that shows it.
_SPLITS = {"val_": "validation", "training_set_": "training_set", "test_": "test"}


class Monitor(keras.callbacks.Callback):
    """Writes each epoch's metrics, and pictures of class maps ten times a run.

    Args:
        workdir: of the run.
        progress: of the run.
        config_text: shown in TensorBoard as text.
        images_per_step: images an update.
        seconds: that training has taken so far.
        pictures: gives `(n, height, width, 3)` pictures with values from 0 to 1.
    """

    def __init__(
        self,
        workdir: Workdir,
        progress: Progress,
        config_text: str,
        images_per_step: int,
        seconds: float,
        pictures: Callable[[], np.ndarray],
    ):
        super().__init__()
        self._workdir = workdir
        self._progress = progress
        self._config_text = config_text
        self._images_per_step = images_per_step
        self._pictures = pictures
        self._seconds = seconds
        self._clock = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long training has taken up to now."""
        return self._seconds + time.monotonic() - self._clock

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Opens the writers; what was written of epochs that are trained again is taken out.

        Raises:
            InputError: the metrics of an epoch are missing; or files cannot be written.
        """
        epoch, last = self._progress.epoch, self._progress.epoch_start
        done = self._workdir.read_metrics()[:epoch]
        epochs = [line["epoch"] for line in done]
        if epochs != [*range(1, epoch + 1)]:
            raise InputError(
                f"{self._workdir.metrics_file} begins with the epochs {listed(map(str, epochs))}, "
                f"expected 1 to {epoch}, each once and in order. Restore the file, or use another "
                "workdir."
            )
        write_text(self._workdir.metrics_file, "".join(json.dumps(line) + "\n" for line in done))
        remove_events_after(self._workdir.events, last if done else -1)
        self._pictures_done = last * _PICTURES // self._progress.total_steps
        self._writers: dict[str, tf.summary.SummaryWriter] = {}
        if not done:
            text = f"```\n{self._config_text}\n```"
            with writing_events(self._workdir.events), self._writer("train").as_default():
                tf.summary.text("config", text, step=0)
        self._clock = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Writes the epoch's metrics."""
        step = self._progress.step
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        rate = learning_rate(self.model.optimizer)
        line = {
            "epoch": epoch + 1,
            "step": step,
            "images_seen": step * self._images_per_step,
            "seconds": round(self.seconds, 3),
            "learning_rate": rate,
            **metrics,
        }
        append_text(self._workdir.metrics_file, json.dumps(line) + "\n")
        pictures = self._due_pictures(step)
        with writing_events(self._workdir.events):
            with self._writer("train").as_default(step):
                tf.summary.scalar("learning_rate", rate)
                if pictures is not None:
                    tf.summary.image("class_maps", pictures, max_outputs=len(pictures))
            for name, value in metrics.items():
                prefix = next((prefix for prefix in _SPLITS if name.startswith(prefix)), "")
                with self._writer(_SPLITS.get(prefix, "train")).as_default(step):
                    tf.summary.scalar(name.removeprefix(prefix), value)
            for writer in self._writers.values():
                writer.flush()
        sync_events(self._workdir.events)  # A checkpoint will count the epoch as done.

    def _due_pictures(self, step: int) -> np.ndarray | None:
        due = step * _PICTURES // self._progress.total_steps
        if due <= self._pictures_done:
            return None
        self._pictures_done = due
        return self._pictures()

    def _writer(self, split: str) -> tf.summary.SummaryWriter:
        if split not in self._writers:
            folder = str(self._workdir.events / split)
            self._writers[split] = tf.summary.create_file_writer(folder)
        return self._writers[split]

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Closes the writers."""
        with writing_events(self._workdir.events):
            for writer in self._writers.values():
                writer.close()
