"""Min-pooling over families of very unequal size against a plain minimum over equal ones."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from coarse2fine.benchmarks.measurement import Measurement, Settings, of_pairs
from coarse2fine.benchmarks.timing import time_pairs
from coarse2fine.layers import MinPoolCoarse

_SIBLINGS = 10  # of the plain minimum


def measure(
    settings: Settings,
    num_fine: int = 10_000,
    num_coarse: int = 1_103,
    largest: int = 300,
    batch_size: int = 8,
    repeats: int = 5,
) -> list[Measurement]:
    """Seconds of a forward and a backward pass, over the plain minimum and over half the classes.

    Args:
        settings: of all benchmarks.
        num_fine: fine classes, a multiple of 10.
        num_coarse: coarse classes.
        largest: children of the largest coarse class.
        batch_size: images.
        repeats: passes a timing.
    """
    layer = MinPoolCoarse(unequal_parent(num_fine, num_coarse, largest))
    twice = MinPoolCoarse(unequal_parent(2 * num_fine, 2 * num_coarse, largest))
    measurements = []
    for side in (4, 8):
        shape = (batch_size, side, side)
        pool = _passes(layer, (*shape, num_fine), repeats)
        plain = time_pairs(pool, _passes(_plain, (*shape, num_fine), repeats), settings.pairs)
        double = time_pairs(_passes(twice, (*shape, 2 * num_fine), repeats), pool, settings.pairs)
        where = f"forward and backward, batch {batch_size}, {side}x{side} locations"
        measurements += [
            of_pairs(
                f"min_pool/plain/{side}x{side}",
                plain.ratios,
                bound=2.5,
                note=(
                    f"seconds of MinPoolCoarse, {num_fine} fine and {num_coarse} unequal coarse "
                    f"classes, over reduce_min of {num_fine} maps in contiguous {_SIBLINGS}s, "
                    f"{where} ({_milliseconds(plain.first, repeats)} and "
                    f"{_milliseconds(plain.second, repeats)} ms)"
                ),
            ),
            of_pairs(
                f"min_pool/double/{side}x{side}",
                double.ratios,
                bound=2.2,
                note=(
                    f"seconds of MinPoolCoarse, {2 * num_fine} fine and {2 * num_coarse} coarse "
                    f"classes over {num_fine} and {num_coarse}, {where} "
                    f"({_milliseconds(double.first, repeats)} and "
                    f"{_milliseconds(double.second, repeats)} ms)"
                ),
            ),
        ]
    return measurements


def unequal_parent(num_fine: int, num_coarse: int, largest: int, seed: int = 0) -> np.ndarray:
    """Coarse classes of fine ones: one has `largest` children, the others far fewer, shuffled.

    Each coarse class has a child; those that are left are dealt out by log-normal weights.
    """
    rng = np.random.default_rng(seed)
    weights = rng.lognormal(size=num_coarse - 1)
    dealt = rng.multinomial(num_fine - largest - (num_coarse - 1), weights / weights.sum())
    return rng.permutation(np.repeat(np.arange(num_coarse), [largest, *(1 + dealt)]))


def _plain(maps: tf.Tensor) -> tf.Tensor:
    groups = tf.reshape(maps, (*maps.shape[:-1], maps.shape[-1] // _SIBLINGS, _SIBLINGS))
    return tf.reduce_min(groups, axis=-1)


def _passes(
    pool: Callable[[tf.Tensor], tf.Tensor], shape: tuple[int, ...], repeats: int
) -> Callable[[], None]:
    """What pools random maps of that shape forward and backward, some times."""
    maps = tf.random.stateless_normal(shape, seed=(0, 0))
    upstream = tf.random.stateless_normal(pool(maps).shape, seed=(0, 1))

    @tf.function
    def both(maps, upstream):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            pooled = pool(maps)
        return pooled, tape.gradient(pooled, maps, output_gradients=upstream)

    def run() -> None:
        for _ in range(repeats):
            _, gradient = both(maps, upstream)
        gradient.numpy()

    return run


def _milliseconds(seconds: np.ndarray, repeats: int) -> str:
    return f"{1000 * np.median(seconds) / repeats:.1f}"
