"""What a run computes on, and in which precision."""

import contextlib
import functools
from collections.abc import Iterator

import keras
import tensorflow as tf

from coarse2fine.errors import check_known

STRATEGIES = ("auto", "single", "mirrored")


def make_strategy(name: str) -> tf.distribute.Strategy:
    """The strategy of that name.

    Args:
        name: `single`, `mirrored` (all visible GPUs, or all logical CPU devices where there is no
            GPU), or `auto`: mirrored where more than one GPU is visible, else single.
    """
    check_known("strategy", name, STRATEGIES)
    if name == "auto":
        name = "mirrored" if len(tf.config.list_logical_devices("GPU")) > 1 else "single"
    if name == "single":
        return tf.distribute.get_strategy()
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return _mirrored(tuple(device.name for device in tf.config.list_logical_devices(kind)))


# One for all runs of a process: two strategies on the same devices number their collective
# operations alike, and TensorFlow then takes one's shapes for the other's.
@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy(devices)


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers that are made inside compute in this dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
