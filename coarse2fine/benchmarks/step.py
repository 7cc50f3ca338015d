"""A training step of two heads against Keras's own step of one."""

from collections.abc import Callable
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
from coarse2fine.training.optimizer import make_optimizer
from coarse2fine.training.run import build_model
from coarse2fine.training.strategy import precision

_IMAGE_SHAPE = (32, 32, 3)


def measure(
    settings: Settings, batch_size: int = 128, width: float = 1.0, steps: int = 4
) -> list[Measurement]:
    """Images a second through `fit`, ours over stock, in two precisions.

    Args:
        settings: of all benchmarks.
        batch_size: images a step.
        width: of NIN.
        steps: steps a timing.
    """
    return [
        _compare(settings, policy, batch_size, width, steps)
        for policy in ("float32", "mixed_bfloat16")
    ]


def _compare(
    settings: Settings, policy: str, batch_size: int, width: float, steps: int
) -> Measurement:
    ours = fit_ours(policy, batch_size, width, steps)
    stock = fit_stock(policy, batch_size, width, steps)
    times = time_pairs(ours, stock, settings.pairs)
    images = batch_size * steps
    rates = [images / np.median(seconds) for seconds in (times.first, times.second)]
    return of_pairs(
        f"step/{policy}",
        1 / times.ratios,
        bound=0.97,
        note=(
            f"images/s of fit, NIN of width {width:g} with two heads over stock Keras with one, "
            f"batch {batch_size} of random images ({rates[0]:.0f} and {rates[1]:.0f} images/s)"
        ),
        is_upper_bound=False,
        low_bound=0.93,
    )


def fit_ours(policy: str, batch_size: int, width: float, steps: int) -> Callable[[], Any]:
    """What trains `CoarseToFine` on NIN for some steps, on mixed labels of CIFAR-100."""
    config, taxonomy = Config(width=width).replace(precision=policy), cifar100()
    model = build_model(config, taxonomy, _IMAGE_SHAPE)
    model.compile(optimizer=make_optimizer(config, steps=1))
    model.optimizer.build(model.trainable_variables)
    images, fine = _batch(batch_size, taxonomy)
    has_fine = (np.arange(batch_size) % 2).astype(np.float32)
    labels = {"fine": fine * has_fine.astype(np.int64), "coarse": taxonomy.coarsen(fine)}
    return _fit(
        model, (images, labels, {"fine": has_fine, "coarse": np.ones_like(has_fine)}), steps
    )


def fit_stock(policy: str, batch_size: int, width: float, steps: int) -> Callable[[], Any]:
    """What trains the same network with one head for some steps, as Keras does by itself."""
    taxonomy = cifar100()
    with precision(policy):
        backbone = backbones.create("nin", input_shape=_IMAGE_SHAPE, width=width)
        maps = ClassFeatureMap(taxonomy.num_fine, activation="relu")(backbone.output)
        model = keras.Model(backbone.input, GlobalAvg()(maps))
    model.compile(
        optimizer=keras.optimizers.SGD(0.01, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return _fit(model, _batch(batch_size, taxonomy), steps)


def _batch(batch_size: int, taxonomy: Taxonomy) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(batch_size, *_IMAGE_SHAPE)).astype(np.float32)
    return images, rng.integers(0, taxonomy.num_fine, batch_size)


def _fit(model: keras.Model, batch: Any, steps: int) -> Callable[[], Any]:
    options = tf.data.Options()
    options.autotune.enabled = False
    data = tf.data.Dataset.from_tensors(batch).repeat().with_options(options)
    return lambda: model.fit(data, steps_per_epoch=steps, shuffle=False, verbose=0)
