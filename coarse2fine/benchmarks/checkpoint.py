"""How long training waits for a checkpoint."""

import time

import keras
import numpy as np

from coarse2fine.benchmarks.measurement import Measurement, Settings
from coarse2fine.model import CoarseToFine
from coarse2fine.taxonomy import cifar100
from coarse2fine.training import Config
from coarse2fine.training.checkpoints import Checkpoints
from coarse2fine.training.optimizer import make_optimizer
from coarse2fine.training.progress import Progress
from coarse2fine.training.safeguards import Saver
from coarse2fine.training.strategy import make_strategy
from coarse2fine.training.workers import Workers

_INTERVAL = 300.0  # Seconds between two checkpoints by default.


def measure(settings: Settings, parameters: int = 40_000_000, saves: int = 5) -> list[Measurement]:
    """Seconds of a save, with all that comes with it, and their share of the time between two.

    Args:
        settings: of all benchmarks.
        parameters: of the network, about.
        saves: how many are timed, after one that is not.
    """
    side = round(parameters**0.5)
    # A feature map of one location: from a vector, the class maps would have most parameters.
    network = keras.Sequential([keras.Input((1, 1, side)), keras.layers.Dense(side)])
    model = CoarseToFine(network, cifar100())
    model.build((None, 1, 1, side))
    model.compile(optimizer=make_optimizer(Config(), 1000))
    model.optimizer.build(model.trainable_variables)
    progress = Progress(1000, 1000)
    checkpoints = Checkpoints(
        settings.workdir / "checkpoints", model, model.taxonomy, model.optimizer
    )
    workers = Workers(make_strategy("single"))
    saver = Saver(progress, checkpoints, dict, _INTERVAL, None, "loss", None, workers)
    saver.set_model(model)
    seconds = []
    for step in range(saves + 1):
        progress.step = step
        began = time.perf_counter()
        saver.save()
        seconds.append(time.perf_counter() - began)
    low, median, high = (float(q) for q in np.quantile(seconds[1:], (0, 0.5, 1)))
    note = f"one checkpoint of {model.count_params() / 1e6:.0f} million parameters, with momentum"
    interval = f"least and most of {saves}"
    return [
        Measurement(
            "checkpoint/wait", high, low, high, 2.0, "s", note=f"{note}, at most", interval=interval
        ),
        Measurement(
            "checkpoint/share",
            100 * median / _INTERVAL,
            100 * low / _INTERVAL,
            100 * high / _INTERVAL,
            1.0,
            "%",
            note=f"{note}, of the {_INTERVAL:.0f} s between two",
            interval=interval,
        ),
    ]
