"""Two workers that train together against two runs side by side."""

import dataclasses
import json
import sys
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from coarse2fine.benchmarks.measurement import Measurement, Settings, of_pairs
from coarse2fine.data import ArraySource, Schedule, training_batches
from coarse2fine.data.pipeline import Slice
from coarse2fine.local_workers import run_workers
from coarse2fine.taxonomy import cifar100
from coarse2fine.training import Config
from coarse2fine.training.build_model import build_model
from coarse2fine.training.optimizer import make_optimizer
from coarse2fine.training.strategy import make_strategy
from coarse2fine.training.workers import Workers

_SHAPE = (32, 32, 3)
_CORES = (0, 1)
_MARK = "images a second: "
_CALL = f"import json, sys; from {__name__} import train; train(*json.loads(sys.argv[1]))"


@dataclasses.dataclass(frozen=True)
class Load:
    """What each worker does.

    Attributes:
        width: of the network.
        batch_size: images an update of one worker.
        warmup: updates that are not timed.
        steps: updates that are.
    """

    width: float = 1.0
    batch_size: int = 64
    warmup: int = 3
    steps: int = 10


LOAD = Load()


def measure(settings: Settings, load: Load = LOAD, most: int = 5) -> list[Measurement]:
    """Images a second of two workers with a core each, over those of two runs on a core each.

    Args:
        settings: of all benchmarks.
        load: what each worker does.
        most: how many pairs at most, since a timing starts two processes.
    """
    ratios = []
    for pair in range(min(settings.pairs, most)):
        order = ("multi_worker", "single")[:: 1 if pair % 2 == 0 else -1]
        rates = {strategy: _rate(strategy, load) for strategy in order}
        ratios.append(rates["multi_worker"] / rates["single"])
    return [
        of_pairs(
            "workers/nin",
            ratios,
            bound=0.85,
            note=(
                f"images/s of two workers with a core and {load.batch_size} images an update each, "
                f"over two runs side by side on a core each; NIN of width {load.width:g}, float32 "
                f"(last: {rates['multi_worker']:.0f} and {rates['single']:.0f})"
            ),
            is_upper_bound=False,
        )
    ]


def _rate(strategy: str, load: Load) -> float:
    """The images a second of two processes, with this strategy in each."""
    rates: list[float] = []
    lines: list[str] = []

    def note(index: int, line: str) -> None:
        lines.append(line)
        if line.startswith(_MARK):
            rates.append(float(line.removeprefix(_MARK)))

    arguments = json.dumps([strategy, dataclasses.asdict(load)])
    code = run_workers([sys.executable, "-c", _CALL, arguments], len(_CORES), note, _CORES)
    if code or len(rates) != len(_CORES):
        raise RuntimeError(f"Workers failed with exit code {code}:\n" + "\n".join(lines[-40:]))
    return sum(rates)


def train(strategy: str, load: dict[str, Any]) -> None:
    """What each process does; it prints its images a second."""
    own = Load(**load)
    made = make_strategy(strategy)
    workers = Workers(made)
    config = Config(width=own.width)
    total = own.batch_size * workers.count
    with made.scope():
        model = build_model(config, cifar100(), _SHAPE)
        model.compile(optimizer=make_optimizer(config, own.warmup + own.steps))
    images = np.random.default_rng(0).integers(0, 256, (total, *_SHAPE), np.uint8)
    source = ArraySource(images, cifar100(), np.arange(total) % 100)
    places = np.arange(total)
    schedule = Schedule(total // 2, total - total // 2, total, seed=0)

    def batches(replicas: Slice) -> tf.data.Dataset:
        return training_batches(
            source,
            places[: total // 2],
            places[total // 2 :],
            schedule,
            lambda batch: tf.cast(batch, tf.float32) / 128 - 1,
            replicas=replicas,
        )

    clock = _Clock()
    model.fit(
        workers.distribute(batches),
        steps_per_epoch=own.warmup + own.steps,
        callbacks=[clock],
        shuffle=False,
        verbose=0,
    )
    seconds = clock.ends[-1] - clock.ends[own.warmup - 1]
    print(f"{_MARK}{own.steps * own.batch_size / seconds}")


class _Clock(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        float((logs or {})["loss"])  # The step is done.
        self.ends.append(time.perf_counter())
