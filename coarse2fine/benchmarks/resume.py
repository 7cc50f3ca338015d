"""Runs that are killed and started again, beside one that nothing stopped."""

import dataclasses
import json
import pathlib
import random
import subprocess
import sys
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from coarse2fine.benchmarks.images import Images
from coarse2fine.benchmarks.measurement import Measurement, Settings
from coarse2fine.training import Config, train
from coarse2fine.training.events import read_events
from coarse2fine.training.workdir import Workdir

_CALL = (
    f"import json, sys; from {__name__} import train_aloud; train_aloud(**json.loads(sys.argv[1]))"
)
_BEGUN = "begun"


def measure(
    settings: Settings, kills: int = 50, seed: int = 0, **changes: Any
) -> list[Measurement]:
    """How many of `kills` runs, each killed at a random instant, end as if they had not been.

    The instants are spread evenly over the time in which the run trains. It writes a checkpoint
    every other update, so that many of them fall into a write. Compared are the last and the best
    checkpoint, bit for bit, the metrics of each epoch and TensorBoard's events.

    Args:
        settings: of all benchmarks.
        kills: how many.
        seed: of the instants.
        **changes: to the config of the run.
    """
    config = {
        "backbone": "preact_resnet",
        "width": 0.25,
        "preprocess": "standardize",
        "batch_size": 50,
        "steps": 120,
        "plateau_patience": 1,
        "data_fraction": 0.05,
        "validation_fraction": 0.2,
        "checkpoint_every_steps": 2,
        **changes,
    }
    arguments = {"images": dataclasses.asdict(settings.images), "changes": config}
    whole = settings.workdir / "resume" / "whole"
    seconds = _train(whole, arguments)
    expected, rng = outcome(whole), random.Random(seed)
    same, within_writes = 0, 0
    for number in range(kills):
        workdir = settings.workdir / "resume" / str(number)
        _train(workdir, arguments, kill_after=rng.uniform(0, seconds))
        within_writes += bool([*workdir.rglob("*.unfinished"), *workdir.rglob("unfinished")])
        _train(workdir, arguments)
        same += is_same(outcome(workdir), expected)
    note = (
        f"runs of {config['steps']} updates that ended bit for bit alike after SIGKILL, of "
        f"{kills}, {within_writes} of them killed within a write; {settings.images.kind}"
    )
    return [
        Measurement(
            "resume/killed", same, same, same, kills, "runs", is_upper_bound=False, note=note
        )
    ]


def outcome(workdir: pathlib.Path) -> dict[str, Any]:
    """All that a run leaves and that follows from its config: times are left out."""
    home = Workdir(workdir)
    newest = max(home.checkpoints.glob("step-*.npz"), key=lambda path: int(path.stem[5:]))
    return {
        "newest": _arrays(newest),
        "best": _arrays(home.checkpoints / "best.npz"),
        "metrics": [{**line, "seconds": None} for line in home.read_metrics()],
        "events": _events(home.events),
    }


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two outcomes are equal, bit for bit."""
    structures = [keras.tree.map_structure(np.shape, tree) for tree in (one, other)]
    if structures[0] != structures[1]:
        return False
    pairs = zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def _arrays(path: pathlib.Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as saved:
        arrays = {name: saved[name] for name in saved.files}
    state = json.loads(str(arrays.pop("state")))
    return {**arrays, "state": {**state, "seconds": None}}


def _events(folder: pathlib.Path) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for path in sorted(folder.glob("*/events.*")):
        for event in read_events(path):
            for value in event.summary.value:
                content = tf.make_ndarray(value.tensor).tolist()
                found.setdefault(f"{path.parent.name}/{value.tag}", []).append(
                    [event.step, content]
                )
    return found


def _train(
    workdir: pathlib.Path, arguments: dict[str, Any], kill_after: float | None = None
) -> float:
    """Trains in a process of its own, perhaps killed so long after it began; returns its seconds.

    Raises:
        RuntimeError: the process failed; the message ends with what it wrote.
    """
    call = json.dumps({"workdir": str(workdir), **arguments})
    with subprocess.Popen(
        [sys.executable, "-c", _CALL, call],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout or ():
            if line.strip() == _BEGUN:
                break
        began = time.monotonic()
        if kill_after is not None:
            time.sleep(kill_after)
            process.kill()
        _, errors = process.communicate()
    if process.returncode and kill_after is None:
        raise RuntimeError(f"The run in {workdir} failed:\n{errors[-4000:]}")
    return time.monotonic() - began


def train_aloud(workdir: str, images: dict[str, Any], changes: dict[str, Any]) -> None:
    """Trains on `Images(**images)`, and says on stdout when the first update begins."""

    def callbacks(name: str, steps: int) -> list[keras.callbacks.Callback]:
        return [
            keras.callbacks.LambdaCallback(on_train_begin=lambda logs: print(_BEGUN, flush=True))
        ]

    train(Config(dataset="cifar100", **changes), workdir, callbacks, Images(**images).load())
