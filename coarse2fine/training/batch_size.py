"""The largest batch that the memory takes."""

import gc
import math
import pathlib
from collections.abc import Callable, Iterable

import tensorflow as tf

from coarse2fine import backbones
from coarse2fine.data import Source
from coarse2fine.errors import InputError
from coarse2fine.files import make_folder, read_json, write_json
from coarse2fine.process import available_memory
from coarse2fine.training.config import Config
from coarse2fine.training.plan import make_plan
from coarse2fine.training.strategy import make_strategy
from coarse2fine.training.trial import Network, make_trial, measure_memory

Say = Callable[[str], None]

# Of a CPU's available memory; the rest is for whatever else runs.
_SHARE = 0.5
# Of the largest batch: a run takes more than the updates tried, since blocks that are freed in
# another order leave gaps and evaluation has operations of its own; and the line through the memory
# of small batches misses that of large ones by some percent.
_USED = 0.9


def find_batch_size(runs: Iterable[tuple[Config, Source]], say: Say) -> int:
    """The largest batch size that all of these runs can train with.

    It is a multiple of the replicas, holds both kinds of images wherever a run has both, and is at
    most the number of training images of each run. On GPUs batches are tried; on a CPU a line
    through the memory that small ones take says what half of the available memory takes. A tenth of
    the largest batch is left off.

    Args:
        runs: config of each, whatever its batch size is, and the training split of its data set.
        say: takes a line that says what was found, and why.

    Raises:
        InputError: configs that cannot be used, a smallest batch that does not fit, or memory that
            cannot be measured.
    """
    networks: dict[tuple, Network] = {}
    steps, caps, replicas = [], [], 1
    for config, source in runs:
        backbones.find(config.backbone)
        # No image's part depends on how many or how long its batches are.
        plan = make_plan(source, config.replace(batch_size=len(source), budget=None))
        network = Network(config, source.taxonomy, source.image_shape)
        networks.setdefault(network.key, network)
        steps.append(plan.schedule.smallest_batch)
        caps.append(len(plan.training_images))
        replicas = make_strategy(config.strategy, config.logical_cpus).num_replicas_in_sync
    step = _rounded_up(max(steps), replicas)
    size = max(step, min(caps) // step * step)
    reason = f"of {min(caps):,} training images"
    for network in networks.values():
        find = _find_on_gpu if tf.config.list_logical_devices("GPU") else _find_on_cpu
        found, limit = find(network, step, size)
        if found < size:
            size, reason = found, limit
        gc.collect()  # A model that was tried lies in cycles, with its weights on the GPU.
    say(f"batch_size auto: {size} ({reason})")
    return size


def largest_batch(fits: Callable[[int], bool], step: int, cap: int) -> int:
    """The largest multiple of `step` that fits, up to `cap`: it doubles, then bisects.

    Args:
        fits: whether a batch of this size fits; where one does, smaller ones do too.
        step: the smallest batch.
        cap: the largest, at least `step`.

    Raises:
        InputError: the smallest does not fit.

    Example:
        >>> largest_batch(lambda size: size <= 100, step=8, cap=1000)
        96
    """
    if not fits(step):
        raise InputError(
            f"Even a batch of {step} does not fit the memory. Use smaller images or a smaller "
            "network, or precision=mixed_bfloat16."
        )
    good, bad = 1, cap // step + 1
    while 2 * good < bad and fits(2 * good * step):
        good *= 2
    bad = min(bad, 2 * good)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(middle * step) else (good, middle)
    return good * step


def share_batch_size(
    config: Config,
    runs: Iterable[tuple[Config, Source]],
    folder: pathlib.Path,
    say: Say,
) -> Config:
    """The config of an experiment, its batch size a number: one for all of its runs.

    Args:
        config: of the experiment; one whose batch size is a number stays as it is.
        runs: as of `find_batch_size`.
        folder: of the experiment. The number is kept there, and taken where it is there.
        say: as of `find_batch_size`.
    """
    if config.batch_size != "auto":
        return config
    file = folder / "batch_size.json"
    if file.exists():
        size = read_json(file, ["batch_size"])["batch_size"]
        say(f"batch_size auto: {size} (as in {file})")
    else:
        size = find_batch_size(runs, say)
        make_folder(folder)
        write_json(file, {"batch_size": size})
    return config.replace(batch_size=size)


def _find_on_gpu(network: Network, step: int, cap: int) -> tuple[int, str]:
    """The largest batch, and what limits it."""
    replicas = make_strategy(
        network.config.strategy, network.config.logical_cpus
    ).num_replicas_in_sync
    trials: list[Callable[[int], None]] = []

    def fits(size: int) -> bool:
        try:
            trials[:] = trials or [make_trial(network)]
            trials[0](_rounded_up(size / _USED, replicas))
        except tf.errors.ResourceExhaustedError:
            return False
        return True

    memory = "the GPU's memory" if replicas == 1 else f"the memory of {replicas} GPUs"
    return largest_batch(fits, step, cap), f"{100 * _USED:.0f} % of what {memory} takes"


def _find_on_cpu(network: Network, step: int, cap: int) -> tuple[int, str]:
    """The largest batch, and what limits it."""
    available = available_memory()
    budget = int(_SHARE * available)
    try:
        memory = measure_memory(network, step, cap, budget)
    except RuntimeError as error:
        raise InputError(
            "batch_size=auto measures memory in a process of its own, and that failed: "
            f"{str(error).splitlines()[-1]} Give batch_size as a number."
        ) from error
    limit = (
        f"{100 * _USED:.0f} % of what {100 * _SHARE:.0f} % of the {available / 2**30:.3g} GiB "
        f"available takes, with {memory.per_image / 2**20:.3g} MiB an image and "
        f"{memory.fixed / 2**20:.0f} MiB besides"
    )
    return largest_batch(lambda size: memory.of(size / _USED) <= budget, step, cap), limit


def _rounded_up(number: float, multiple: int) -> int:
    return math.ceil(number / multiple) * multiple
