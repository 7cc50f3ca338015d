"""Runs that are killed and started again, beside one that nothing stopped."""

import collections
import contextlib
import dataclasses
import functools
import json
import multiprocessing
import pathlib
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from coarse2fine.benchmarks.images import Images
from coarse2fine.benchmarks.measurement import Measurement, Settings
from coarse2fine.data import ArraySource, load_source
from coarse2fine.files import UNFINISHED, make_folder, read_arrays, write_arrays
from coarse2fine.taxonomy import read_taxonomy, write_taxonomy
from coarse2fine.training import Config, train
from coarse2fine.training.events import read_events
from coarse2fine.training.workdir import Workdir

# New ones, not copies of this process, in which TensorFlow has begun threads.
_PROCESSES = multiprocessing.get_context("spawn")
_MOST_KILLS = 3  # Of a run.


def measure(
    settings: Settings, kills: int = 50, seed: int = 0, images_per_class: int = 8, **changes: Any
) -> list[Measurement]:
    """How many of `kills` kills, at random instants, left runs that end as if there had been none.

    A run is killed one to three times: at an instant spread evenly over the time that the whole
    run takes, from the start of its process on, and again after it was started again. It writes a
    checkpoint at each update; a third of the kills wait for the next one to be under way. Compared
    are the last and the best checkpoint, bit for bit, the metrics of each epoch and TensorBoard's
    events.

    Args:
        settings: of all benchmarks.
        kills: how many.
        seed: of the instants.
        images_per_class: of CIFAR-100, or of `shapes` where that is not there.
        **changes: to the config of the run.
    """
    config = {
        "width": 0.125,
        "preprocess": "standardize",
        "batch_size": 32,
        "steps": 60,
        "plateau_patience": 1,
        "validation_fraction": 0.2,
        "checkpoint_every_steps": 1,
        **changes,
    }
    folder, rng = settings.workdir / "resume", random.Random(seed)
    kind = _write_images(folder, settings.images, images_per_class)
    with contextlib.closing(Trainer(folder, config)) as trainer:
        began = time.monotonic()
        trainer.train("whole")
        seconds = time.monotonic() - began
        expected = outcome(folder / "whole")
        places: collections.Counter[str] = collections.Counter()
        same = runs = 0
        while places.total() < kills:
            runs += 1
            name, wanted = f"run_{runs}", min(rng.randint(1, _MOST_KILLS), kills - places.total())
            instants = [
                Instant(rng.uniform(0, seconds), rng.random() < 1 / 3) for _ in range(wanted)
            ]
            own = kill(folder / name, instants, functools.partial(trainer.train, name))
            if own:  # Else the run was done before the first instant, and another one is drawn.
                trainer.train(name)
                same += len(own) if is_same(outcome(folder / name), expected) else 0
            places.update(own)
            shutil.rmtree(folder / name)
    found = ", ".join(f"{places[place]} {place}" for place in (_BEFORE, _WITHIN, _AFTER))
    note = (
        f"kills that changed nothing in what runs of {config['steps']} updates end with, of "
        f"{kills} in {runs} runs: {found}; {kind}"
    )
    return [
        Measurement(
            "resume/killed", same, same, same, kills, "kills", is_upper_bound=False, note=note
        )
    ]


_BEFORE = "before the first checkpoint"
_WITHIN = "within a checkpoint's write"
_AFTER = "after a checkpoint"


@dataclasses.dataclass(frozen=True)
class Instant:
    """When a process is killed.

    Attributes:
        seconds: after its start.
        within_write: whether it is the first instant from there on at which a checkpoint is being
            written.
    """

    seconds: float
    within_write: bool = False


def kill(
    workdir: pathlib.Path, instants: Sequence[Instant], train: Callable[[Instant], bool]
) -> list[str]:
    """Kills a run at each of these instants, until it is done; says where each kill fell.

    Args:
        workdir: of the run.
        instants: of the first process, of the one that goes on, and so on.
        train: begins the run or goes on with it; whether it was killed, at that instant.
    """
    places: list[str] = []
    for instant in instants:
        before = _unfinished(workdir)
        if not train(instant):
            break
        if _unfinished(workdir) - before:
            places.append(_WITHIN)
        else:
            has_one = any(Workdir(workdir).checkpoints.glob("step-*.npz"))
            places.append(_AFTER if has_one else _BEFORE)
    return places


def _unfinished(workdir: pathlib.Path) -> set[tuple[str, int]]:
    """The checkpoints in whose write the run was killed, by their names and times."""
    found = set()
    for path in Workdir(workdir).checkpoints.glob(f"*{UNFINISHED}"):
        with contextlib.suppress(FileNotFoundError):  # It has been finished meanwhile.
            found.add((path.name, path.stat().st_mtime_ns))
    return found


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


def _write_images(folder: pathlib.Path, images: Images, per_class: int) -> str:
    """Writes so many images of each class, which processes read at once; says what they are."""
    is_cifar = images.data_dir is not None
    source = images.load() if is_cifar else load_source("shapes", "train")
    classes = range(source.taxonomy.num_fine)
    indices = np.concatenate([np.flatnonzero(source.fine == each)[:per_class] for each in classes])
    make_folder(folder)
    pixels = np.concatenate([*source.chunks(indices)])
    write_arrays(folder / "images.npz", {"images": pixels, "fine": source.fine[indices]})
    write_taxonomy(source.taxonomy, folder / "taxonomy.json")
    return images.kind if is_cifar else "shapes"


class Trainer:
    """Trains in processes of their own; while one trains, the next one makes its imports.

    Args:
        folder: of the runs, and of their images.
        config: of all runs.
    """

    def __init__(self, folder: pathlib.Path, config: dict[str, Any]):
        self._folder, self._config = folder, config
        self._next = self._begin()

    def _begin(self) -> tuple[SpawnProcess, Connection]:
        here, there = _PROCESSES.Pipe()
        process = _PROCESSES.Process(target=_train_when_told, args=(there,), daemon=True)
        process.start()
        return process, here

    def train(self, name: str, killed_at: Instant | None = None) -> bool:
        """Trains in the workdir of that name; whether it was killed, at that instant."""
        (process, pipe), self._next = self._next, self._begin()
        pipe.recv()
        pipe.send((self._folder, name, self._config))
        return was_killed(process, killed_at, self._folder / name)

    def close(self) -> None:
        """Ends the process that waits."""
        self._next[0].kill()
        self._next[0].join()


def was_killed(process: BaseProcess, at: Instant | None, workdir: pathlib.Path) -> bool:
    """Whether SIGKILL ended the process that trains there, at an instant from now on.

    Raises:
        RuntimeError: it failed.
    """
    process.join(None if at is None else at.seconds)
    if at is not None and at.within_write:
        before = _unfinished(workdir)
        while process.is_alive() and not _unfinished(workdir) - before:
            time.sleep(1e-4)
    process.kill()
    process.join()
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"A process failed with exit code {process.exitcode}.")
    return process.exitcode != 0


def _train_when_told(pipe: Connection) -> None:
    pipe.send("ready")
    folder, name, config = pipe.recv()
    arrays = read_arrays(folder / "images.npz", ["images", "fine"])
    taxonomy = read_taxonomy(folder / "taxonomy.json")
    train(Config(**config), folder / name, source=ArraySource(taxonomy=taxonomy, **arrays))
