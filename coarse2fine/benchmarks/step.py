"""A training step of two heads against Keras's own step of one."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from coarse2fine import backbones
from coarse2fine.benchmarks.measurement import Measurement, Settings, of_pairs
from coarse2fine.benchmarks.timing import time_pairs
from coarse2fine.layers import ClassFeatureMap, GlobalAvg
from coarse2fine.taxonomy import Taxonomy, cifar100
from coarse2fine.training import Config
from coarse2fine.training.build_model import build_model
from coarse2fine.training.optimizer import make_optimizer
from coarse2fine.training.strategy import precision

IMAGE_SHAPE = (32, 32, 3)


@dataclasses.dataclass(frozen=True)
class Case:
    """A network, and how it is trained.

    Attributes:
        backbone: a key of `BACKBONES`.
        labels: what our side learns from; the stock side has fine labels alone.
        width: of the backbone.
        batch_size: images a step.
        steps: steps a timing.
    """

    backbone: str
    labels: str
    width: float
    batch_size: int
    steps: int


CASES = (
    Case("nin", "mixed", width=1.0, batch_size=128, steps=4),
    Case("preact_resnet", "fine", width=0.25, batch_size=128, steps=4),
    Case("wide_resnet", "fine", width=0.1, batch_size=32, steps=36),
)


def measure(settings: Settings, cases: Sequence[Case] = CASES) -> list[Measurement]:
    """Images a second through `fit`, ours over stock, in two precisions.

    Args:
        settings: of all benchmarks.
        cases: the networks.
    """
    return [
        _compare(settings, case, policy)
        for case in cases
        for policy in ("float32", "mixed_bfloat16")
    ]


def _compare(settings: Settings, case: Case, policy: str) -> Measurement:
    size = case.batch_size, case.width, case.steps
    ours = fit_ours(policy, *size, case.backbone, case.labels)
    stock = fit_stock(policy, *size, case.backbone)
    times = time_pairs(ours, stock, settings.pairs)
    images = case.batch_size * case.steps
    rates = [images / np.median(seconds) for seconds in (times.first, times.second)]
    return of_pairs(
        f"step/{case.backbone}/{policy}",
        1 / times.ratios,
        bound=0.97,
        note=(
            f"images/s of fit, {case.backbone} of width {case.width:g} with two heads and "
            f"{case.labels} labels over stock Keras with one, batch {case.batch_size} of random "
            f"images ({rates[0]:.0f} and {rates[1]:.0f} images/s)"
        ),
        is_upper_bound=False,
        low_bound=0.93,
    )


def fit_ours(
    policy: str,
    batch_size: int,
    width: float,
    steps: int,
    backbone: str = "nin",
    labels: str = "mixed",
    network: keras.Model | None = None,
) -> Callable[[], Any]:
    """What trains `CoarseToFine` for some steps on classes of CIFAR-100.

    With mixed labels every other image has a fine one, else all have. `network` stands in place of
    the one that `backbone` makes.
    """
    config = Config(width=width).replace(backbone=backbone, labels=labels, precision=policy)
    taxonomy = cifar100()
    model = build_model(config, taxonomy, IMAGE_SHAPE, network)
    model.compile(optimizer=make_optimizer(config, steps=1))
    model.optimizer.build(model.trainable_variables)
    images, fine = _batch(batch_size, taxonomy)
    places = np.arange(batch_size)
    has_fine = (places % 2 if labels == "mixed" else np.ones_like(places)).astype(np.float32)
    truth = {"fine": fine * has_fine.astype(np.int64), "coarse": taxonomy.coarsen(fine)}
    return _fit(model, (images, truth, {"fine": has_fine, "coarse": np.ones_like(has_fine)}), steps)


def fit_stock(
    policy: str, batch_size: int, width: float, steps: int, backbone: str = "nin"
) -> Callable[[], Any]:
    """What trains the same network with one head for some steps, as Keras does by itself."""
    taxonomy = cifar100()
    with precision(policy):
        network = backbones.create(backbone, input_shape=IMAGE_SHAPE, width=width)
        activation = backbones.BACKBONES[backbone].class_map_activation
        scores = _scores(network.output, taxonomy.num_fine, activation)
        model = keras.Model(network.input, scores)
    model.compile(
        optimizer=keras.optimizers.SGD(0.01, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return _fit(model, _batch(batch_size, taxonomy), steps)


def _scores(features: Any, num_classes: int, activation: str | None) -> Any:
    """Float32 scores: linear ones in the usual order, pooling first."""
    if activation is None:
        pooled = keras.layers.GlobalAveragePooling2D()(features)
        return keras.layers.Dense(num_classes, dtype="float32")(pooled)
    return GlobalAvg()(ClassFeatureMap(num_classes, activation)(features))


def _batch(batch_size: int, taxonomy: Taxonomy) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(batch_size, *IMAGE_SHAPE)).astype(np.float32)
    return images, rng.integers(0, taxonomy.num_fine, batch_size)


def _fit(model: keras.Model, batch: Any, steps: int) -> Callable[[], Any]:
    options = tf.data.Options()
    options.autotune.enabled = False
    data = tf.data.Dataset.from_tensors(batch).repeat().with_options(options)
    return lambda: model.fit(data, steps_per_epoch=steps, shuffle=False, verbose=0)
