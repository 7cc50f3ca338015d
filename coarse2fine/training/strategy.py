"""What a run computes on, and in which precision."""

import contextlib
import functools
import json
import os
from collections.abc import Iterator

import keras
import tensorflow as tf

from coarse2fine.errors import InputError, check_known

STRATEGIES = ("auto", "single", "mirrored", "multi_worker")


def make_strategy(name: str, logical_cpus: int | None = None) -> tf.distribute.Strategy:
    """The strategy of that name.

    Args:
        name: `single`, `mirrored` (all visible GPUs, or all logical CPU devices where there is no
            GPU), `multi_worker` (all workers that `TF_CONFIG` names, each with all of its GPUs), or
            `auto`: mirrored where more than one GPU is visible, else single.
        logical_cpus: how many logical CPU devices there are to be; None for those that there are.

    Raises:
        InputError: a `TF_CONFIG` that names no workers, or devices that can no longer be changed
            since TensorFlow has been in use.
    """
    check_known("strategy", name, STRATEGIES)
    if logical_cpus is not None:
        _split_cpu(logical_cpus)
    if name == "multi_worker":
        return _multi_worker()
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


@functools.cache
def _multi_worker() -> tf.distribute.Strategy:
    _check_tf_config(os.environ.get("TF_CONFIG", ""))
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise InputError(
            "strategy multi_worker must be made before TensorFlow is used: train before anything "
            "else in a process."
        ) from error


def _check_tf_config(text: str) -> None:
    try:
        config = json.loads(text or "null")
        workers, task = config["cluster"]["worker"], config["task"]
        is_good = (
            set(config["cluster"]) == {"worker"}
            and isinstance(workers, list)
            and task["type"] == "worker"
            and task["index"] in range(len(workers))
        )
    except (ValueError, TypeError, KeyError):
        is_good = False
    if not is_good:
        raise InputError(
            f"strategy multi_worker needs the environment variable TF_CONFIG, and it is {text!r}: "
            'expected {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", '
            '"index": 0}}, the same list for all workers, and to each its own index.'
        )


def _split_cpu(number: int) -> None:
    """Makes so many logical devices of the CPU, unless there are."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        devices = [tf.config.LogicalDeviceConfiguration()] * number
        tf.config.set_logical_device_configuration(cpu, devices)
    except RuntimeError as error:
        there = len(tf.config.list_logical_devices("CPU"))
        if there != number:
            raise InputError(
                f"logical_cpus is {number}, and TensorFlow has been in use with {there}: the "
                "devices of a process can be chosen before anything else only."
            ) from error


def use_deterministic_operations(wanted: bool | None) -> None:
    """Has a process's operations give the same bits each time, from here on.

    TensorFlow cannot take that back: False leaves it as it is.

    Args:
        wanted: None to want it where there is no GPU.
    """
    if wanted is None:
        wanted = not tf.config.list_physical_devices("GPU")
    if wanted:
        tf.config.experimental.enable_op_determinism()


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers that are made inside compute in this dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
