"""Training tried on made images, to see what memory it takes."""

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from coarse2fine.data import ArraySource, Schedule, training_batches
from coarse2fine.process import call_in_process, peak_memory
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training.build_model import build_model
from coarse2fine.training.config import Config
from coarse2fine.training.optimizer import make_optimizer
from coarse2fine.training.preprocessing import fit_preprocessing, make_preprocessing
from coarse2fine.training.strategy import make_strategy
from coarse2fine.training.workers import Workers

_MADE = 16  # Images; a batch of any size repeats them.
_STEPS = 2  # The order of operations varies, and the highest peak counts.
_ANY_LENGTH = 1000  # Updates of a run; its optimizer takes the same memory for any number.

# The fields of a config that the memory of a step depends on, beside the labels.
_FIELDS = (
    "backbone",
    "width",
    "dropout",
    "head_dropout",
    "extra_layer",
    "coarse_supervision",
    "cutmix",
    "optimizer",
    "precision",
    "strategy",
    "logical_cpus",
    "synchronized_batch_norm",
)


@dataclasses.dataclass(frozen=True)
class Network:
    """What the memory of a training step depends on, beside the batch size.

    Attributes:
        config: of a run.
        taxonomy: of its classes.
        image_shape: `(height, width, channels)`.
    """

    config: Config
    taxonomy: Taxonomy
    image_shape: tuple[int, ...]

    @property
    def key(self) -> tuple:
        """Equal for networks whose steps take the same memory."""
        values = tuple(getattr(self.config, name) for name in _FIELDS)
        has_fine_head = self.config.labels != "coarse"
        return (*values, has_fine_head, self.taxonomy.fingerprint, tuple(self.image_shape))


@dataclasses.dataclass(frozen=True)
class Memory:
    """The memory that training takes, in bytes: `fixed + batch_size * per_image`.

    Attributes:
        fixed: for any batch.
        per_image: of a batch.
    """

    fixed: float
    per_image: float

    def of(self, batch_size: float) -> float:
        """With batches of this size."""
        return self.fixed + batch_size * self.per_image


def make_trial(network: Network) -> Callable[..., None]:
    """What trains the network on made images, for a batch size and perhaps a number of updates.

    The network is made and trained as a run's is: with its precision, replicas and optimizer.
    """
    config = network.config.replace(backbone_weights=None)
    strategy = make_strategy(config.strategy, config.logical_cpus)
    with strategy.scope():
        model = build_model(config, network.taxonomy, network.image_shape)
        model.compile(optimizer=make_optimizer(config, _ANY_LENGTH))
        model.optimizer.build(model.trainable_variables)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (_MADE, *network.image_shape), np.uint8)
    places = np.arange(_MADE)
    source = ArraySource(images, network.taxonomy, places % network.taxonomy.num_fine)
    # Next to the network any preprocessing takes little.
    preprocess = make_preprocessing(
        "center", fit_preprocessing("center", source, places), source.image_shape
    )

    def train(batch_size: int, steps: int = _STEPS) -> None:
        schedule = Schedule(_MADE, 0, batch_size, seed=0)
        batches = Workers(strategy).distribute(
            lambda replicas: training_batches(
                source, places, places[:0], schedule, preprocess, replicas=replicas
            )
        )
        model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)

    return train


def measure_memory(network: Network, step: int, cap: int, budget: int) -> Memory:
    """The memory that training takes on a CPU, from batches that take a small part of `budget`.

    It is measured in a process of its own, since the peak of one that has held more says nothing.

    Args:
        network: to train.
        step: the smallest batch.
        cap: the largest.
        budget: bytes. What a batch takes beyond the smallest one stays below a tenth of it.

    Raises:
        RuntimeError: the process failed.
    """
    # A .keras file may have layers that a user's module registers.
    objects = keras.saving.get_custom_objects().values() if network.config.backbone_is_file else ()
    fixed, per_image = call_in_process(
        __name__,
        "weigh",
        # All replicas of a CPU share its memory.
        config=dataclasses.asdict(
            network.config.replace(
                strategy="single",
                logical_cpus=None,
                synchronized_batch_norm=False,
                backbone_weights=None,
            )
        ),
        taxonomy=dataclasses.asdict(network.taxonomy),
        image_shape=network.image_shape,
        modules=sorted({item.__module__ for item in objects} - {"__main__"}),
        step=step,
        cap=cap,
        budget=budget,
    )
    return Memory(fixed, per_image)


def weigh(
    config: dict[str, Any],
    taxonomy: dict[str, Any],
    image_shape: list[int],
    modules: list[str],
    step: int,
    cap: int,
    budget: int,
) -> tuple[float, float]:
    """What `measure_memory` calls in its process: `Memory`'s numbers."""
    for module in modules:
        importlib.import_module(module)
    before = peak_memory()
    trial = make_trial(Network(Config(**config), Taxonomy(**taxonomy), tuple(image_shape)))
    return measured_line(trial, lambda: peak_memory() - before, step, cap, budget)


def measured_line(
    trial: Callable[[int], None],
    peak: Callable[[], float],
    step: int,
    cap: int,
    budget: int,
) -> tuple[float, float]:
    """The line through the peaks of the two largest batches tried, each twice the one before.

    Args:
        trial: takes the memory of a batch size.
        peak: the highest memory so far.
        step: the first size.
        cap: the largest.
        budget: a size is the last where it took 1/32 of it more than the first.
    """
    sizes, peaks = [step], []
    while True:
        trial(sizes[-1])
        peaks.append(peak())
        grown = peaks[-1] - peaks[0]
        if grown > budget / 32 or peaks[-1] > budget or 2 * sizes[-1] > cap:
            break
        sizes.append(2 * sizes[-1])
    if len(sizes) == 1:
        return 0.0, peaks[0] / step  # At most so much.
    per_image = (peaks[-1] - peaks[-2]) / (sizes[-1] - sizes[-2])
    return max(0.0, peaks[-1] - per_image * sizes[-1]), per_image
