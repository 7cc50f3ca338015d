"""Checkpoints of a run: everything that training goes on from."""

import json
import logging
import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from coarse2fine.errors import InputError
from coarse2fine.files import (
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
_NAME = re.compile(r"step-([0-9]+)\.npz")


class Checkpoints:
    """The checkpoints in one folder, each a file; the newest ones and the best one are kept.

    A checkpoint holds the model's variables (dropout's random state among them), the optimizer's,
    those of the model's metrics, which are in the middle of an epoch, and a small JSON state with
    the taxonomy's fingerprint. It is an `.npz` file, written whole or not at all, with a checksum
    of each array.

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
        """The newest checkpoint's path; None where there is none."""
        return newest_checkpoint(self._folder)

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

        A newest one that is damaged is set aside with a warning, and the one before it is taken.

        Returns:
            The state; None where there is no checkpoint.

        Raises:
            InputError: the checkpoint is of another taxonomy, or does not fit the model.
        """
        path = self._newest_whole()
        return None if path is None else self._restore(path)

    def restore_best(self) -> dict[str, Any] | None:
        """Restores what `save_best` wrote; as `restore`."""
        path = self._folder / _BEST
        return self._restore(path) if _is_whole(path) else None

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
            InputError: the checkpoint is of another taxonomy.
        """
        path = self._newest_whole()
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

    def _newest_whole(self) -> pathlib.Path | None:
        for path in _paths(self._folder):
            if _is_whole(path):
                return path
            what = "left out"
            if self._optimizer is not None:  # Who only reads weights changes nothing.
                rename_file(path, path.with_name(path.name + ".damaged"))
                what = f"set aside as {path.name}.damaged"
            _logger.warning("Checkpoint %s is damaged, and %s.", path, what)
        return None

    def _read_state(self, path: pathlib.Path) -> dict[str, Any]:
        state = _state(path)
        self._taxonomy.check_same(state["taxonomy"], f"Checkpoint {path}")
        return state


def _is_whole(path: pathlib.Path) -> bool:
    names = whole_arrays(path)
    try:
        return _STATE in names and names.issuperset(_state(path)["arrays"])
    except InputError:
        return False


def newest_checkpoint(folder: pathlib.Path) -> pathlib.Path | None:
    """The newest checkpoint in a folder, damaged or not; None where there is none."""
    return next(iter(_paths(folder)), None)


def _paths(folder: pathlib.Path) -> list[pathlib.Path]:
    """The checkpoints, the newest first."""
    names = os.listdir(folder) if folder.is_dir() else []
    steps = [int(match[1]) for match in map(_NAME.fullmatch, names) if match]
    return [folder / f"step-{step}.npz" for step in sorted(steps, reverse=True)]


def _state(path: pathlib.Path) -> dict[str, Any]:
    try:
        state = json.loads(str(read_arrays(path, [_STATE])[_STATE]))
        is_state = all(isinstance(name, str) for name in state["arrays"]) and "taxonomy" in state
    except (ValueError, TypeError, KeyError, RecursionError):
        is_state = False
    if not is_state:
        raise InputError(f"Checkpoint {path} is damaged: it holds no state of a run.")
    return state


def _array(variable: keras.Variable) -> np.ndarray:
    """The variable's values; those of a type that numpy lacks as float32, which holds them."""
    array = keras.ops.convert_to_numpy(variable)
    return array if array.dtype.isbuiltin else array.astype(np.float32)
