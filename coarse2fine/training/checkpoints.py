"""Checkpoints of a run: everything that training goes on from."""

import contextlib
import json
import logging
import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from coarse2fine.errors import InputError, listed, reason_of
from coarse2fine.files import (
    UNFINISHED,
    make_folder,
    read_arrays,
    remove_file,
    rename_file,
    whole_arrays,
    write_arrays,
)
from coarse2fine.taxonomy import Taxonomy

_logger = logging.getLogger(__name__)

_BEST = "best.npz"
_STATE = "state"
_STATE_KEYS = ("step", "taxonomy", "arrays")
_DAMAGED = ".damaged"
_NAME = re.compile(r"step-([0-9]+)\.npz")


class Checkpoints:
    """The checkpoints in one folder, each a file; the newest ones and the best one are kept.

    A checkpoint holds the model's variables (the random states of dropout among them), the
    optimizer's, those of the model's metrics, which are in the middle of an epoch, and a small
    JSON state with the taxonomy's fingerprint. It is an `.npz` file, written whole or not at all,
    with a checksum of each array.

    Args:
        folder: of the checkpoints.
        model: built model.
        taxonomy: of the model.
        optimizer: built optimizer; None to read weights only.
        most: how many of the newest are kept.
        writes: whether this process writes; one that does not still takes part in a save, since
            what replicas hold between them is read by all together.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        model: keras.Model,
        taxonomy: Taxonomy,
        optimizer: keras.optimizers.Optimizer | None = None,
        most: int = 2,
        writes: bool = True,
    ):
        self._folder = folder
        self._model = model
        self._taxonomy = taxonomy
        self._optimizer = optimizer
        self._most = most
        self._writes = writes

    @property
    def newest(self) -> pathlib.Path | None:
        """The newest checkpoint's path, whole or not; None where there is none."""
        return next(iter(_paths(self._folder)), None)

    def save(self, state: dict[str, Any]) -> None:
        """Saves a checkpoint.

        Args:
            state: what is saved beside the variables; its `step` is the number of updates done.

        Raises:
            InputError: the folder cannot be written; earlier checkpoints are as they were.
        """
        self._write(self._folder / f"step-{state['step']}.npz", state)
        for path in _paths(self._folder)[self._most :] if self._writes else ():
            remove_file(path)

    def save_best(self, state: dict[str, Any]) -> None:
        """Saves as `save`, as the best so far, in place of an earlier best."""
        self._write(self._folder / _BEST, state)

    def restore(self) -> dict[str, Any] | None:
        """Restores the newest checkpoint and returns its state.

        One that is damaged is left out with a warning, and the one before it is taken.

        Returns:
            The state; None where there is no checkpoint.

        Raises:
            InputError: all checkpoints are damaged; or this one is of another taxonomy or version,
                or does not fit the model.
        """
        path = newest_checkpoint(self._folder)
        return None if path is None else self._restore(path)

    def restore_best(self) -> dict[str, Any] | None:
        """Restores what `save_best` wrote; as `restore`."""
        path = self._folder / _BEST
        if not path.exists():
            return None
        if not _is_whole(path):
            raise InputError(
                f"Checkpoint {path} is damaged. Use the newest one, or train again in another "
                "workdir."
            )
        return self._restore(path)

    def _restore(self, path: pathlib.Path) -> dict[str, Any]:
        state, variables = self._read_state(path), self._variables()
        names = state["arrays"]
        if self._optimizer is None:
            names = [name for name in names if name.startswith("model/")]
        saved = read_arrays(path, names)
        shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
        if {name: array.shape for name, array in saved.items()} != shapes:
            raise InputError(
                f"Checkpoint {path} does not fit the model: it was made with another network, or "
                "by another version."
            )
        if any(array.dtype.kind not in "biuf" for array in saved.values()):
            raise InputError(f"Checkpoint {path} is damaged: it holds what is no number.")
        for name, variable in variables.items():
            variable.assign(saved[name])
        return state

    def read_state(self) -> dict[str, Any] | None:
        """The state in the newest checkpoint; None where there is none.

        Raises:
            InputError: as `restore`.
        """
        path = newest_checkpoint(self._folder)
        return None if path is None else self._read_state(path)

    def _write(self, path: pathlib.Path, state: dict[str, Any]) -> None:
        arrays = {name: _array(variable) for name, variable in self._variables().items()}
        if not self._writes:
            return
        make_folder(self._folder)
        content = {**state, "taxonomy": self._taxonomy.fingerprint, "arrays": [*arrays]}
        write_arrays(path, {_STATE: np.array(json.dumps(content)), **arrays})

    def _variables(self) -> dict[str, keras.Variable]:
        """What a checkpoint holds, by the name that it has there."""
        groups: dict[str, Sequence[keras.Variable]] = {"model": self._model.variables}
        if self._optimizer is not None:
            groups["optimizer"] = self._optimizer.variables
            groups["metrics"] = self._model.metrics_variables
        return {
            f"{group}/{number}": variable
            for group, variables in groups.items()
            for number, variable in enumerate(variables)
        }

    def _read_state(self, path: pathlib.Path) -> dict[str, Any]:
        state = _state(path)
        self._taxonomy.check_same(state["taxonomy"], f"Checkpoint {path}")
        return state


def newest_checkpoint(folder: pathlib.Path) -> pathlib.Path | None:
    """The newest whole checkpoint in a folder; damaged ones are left out with a warning.

    Returns:
        Its path; None where there is no checkpoint.

    Raises:
        InputError: all are damaged; or one cannot be read.
    """
    whole, damaged = _newest_whole(folder)
    for path in damaged:
        _logger.warning("Checkpoint %s is damaged, and left out.", path)
    return whole


def mend_checkpoints(folder: pathlib.Path) -> None:
    """Leaves no damaged checkpoint that is newer than a whole one, and no unfinished file.

    The newest damaged one is set aside, in place of one that was before. It is for the process that
    trains, before it restores.

    Raises:
        InputError: all are damaged, and stay; or one cannot be read or changed.
    """
    _, damaged = _newest_whole(folder)
    if damaged:
        for earlier in folder.glob(f"*{_DAMAGED}"):
            remove_file(earlier)
        aside = damaged[0].with_name(damaged[0].name + _DAMAGED)
        rename_file(damaged[0], aside)
        _logger.warning("Checkpoint %s is damaged, and set aside as %s.", damaged[0], aside.name)
    for path in damaged[1:]:
        remove_file(path)
        _logger.warning("Checkpoint %s is damaged, and removed.", path)
    for path in folder.glob(f"*{UNFINISHED}"):
        remove_file(path)


def _newest_whole(folder: pathlib.Path) -> tuple[pathlib.Path | None, list[pathlib.Path]]:
    """The newest whole checkpoint, and the damaged ones that are newer; the newest first."""
    damaged: list[pathlib.Path] = []
    for path in _paths(folder):
        with contextlib.suppress(FileNotFoundError):  # The run may have removed it meanwhile.
            if _is_whole(path):
                return path, damaged
            damaged.append(path)
    if damaged:
        raise InputError(
            f"All checkpoints in {folder} are damaged: {listed(path.name for path in damaged)}. "
            "Remove this folder to train from the first update again, or use another workdir."
        )
    return None, []


def _is_whole(path: pathlib.Path) -> bool:
    names = whole_arrays(path)
    return _STATE in names and names.issuperset(_state(path)["arrays"])


def _paths(folder: pathlib.Path) -> list[pathlib.Path]:
    """The checkpoints, the newest first."""
    try:
        names = os.listdir(folder) if folder.is_dir() else []
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {reason_of(error)}.") from error
    steps = [int(match[1]) for match in map(_NAME.fullmatch, names) if match]
    return [folder / f"step-{step}.npz" for step in sorted(steps, reverse=True)]


def _state(path: pathlib.Path) -> dict[str, Any]:
    try:
        state = json.loads(str(read_arrays(path, [_STATE])[_STATE]))
        "".join(state["arrays"])  # Names.
        return {**state, **{key: state[key] for key in _STATE_KEYS}}
    except (TypeError, KeyError, RecursionError, json.JSONDecodeError) as error:
        raise InputError(
            f"Checkpoint {path} is not this version's: its state is not an object that holds "
            f"{', '.join(_STATE_KEYS)}. Use the version that wrote it, or another workdir."
        ) from error


def _array(variable: keras.Variable) -> np.ndarray:
    """The variable's values; those of a type that numpy lacks as float32, which holds them."""
    array = keras.ops.convert_to_numpy(variable)
    is_numpys = array.dtype.isbuiltin == 1  # 2 is of types that other packages add: bfloat16.
    return array if is_numpys else array.astype(np.float32)
