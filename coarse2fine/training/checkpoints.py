"""Checkpoints of a run: everything that training goes on from."""

import contextlib
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy

_STATE = "state/.ATTRIBUTES/VARIABLE_VALUE"


class Checkpoints:
    """The checkpoints in one folder; the newest two are kept.

    A checkpoint holds the model's variables (dropout's random state among them), the optimizer's,
    and a small JSON state with the taxonomy's fingerprint.

    Args:
        folder: of the checkpoints.
        model: built model.
        taxonomy: of the model.
        optimizer: built optimizer; None to read weights only.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        model: keras.Model,
        taxonomy: Taxonomy,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        self._taxonomy = taxonomy
        self._state = tf.Variable("", dtype=tf.string, trainable=False)
        self._checkpoint = tf.train.Checkpoint(
            model=[variable.value for variable in model.variables],
            optimizer=[variable.value for variable in optimizer.variables] if optimizer else [],
            state=self._state,
        )
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(folder), max_to_keep=2, checkpoint_name="step"
        )

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Saves after `step` updates.

        Raises:
            InputError: the folder cannot be written; earlier checkpoints are as they were.
        """
        content = {**state, "step": step, "taxonomy": self._taxonomy.fingerprint}
        self._state.assign(json.dumps(content))
        try:
            self._manager.save(checkpoint_number=step)
        except tf.errors.OpError as error:
            reason = re.sub(r"\{\{.*?\}\} | \[Op:\w+\]", "", error.message)  # Names of operations.
            raise InputError(
                f"The checkpoint of step {step} cannot be written to {self._manager.directory}: "
                f"{reason}. Earlier ones are as they were."
            ) from error

    @property
    def newest(self) -> str | None:
        """The newest checkpoint's path; None where there is none."""
        return newest_checkpoint(self._manager.directory)

    def read_state(self) -> dict[str, Any] | None:
        """The state in the newest checkpoint; None where there is none.

        Raises:
            InputError: the checkpoint is of another taxonomy, or cannot be read.
        """
        if self.newest is None:
            return None
        with self._reading():
            state = json.loads(tf.train.load_checkpoint(self.newest).get_tensor(_STATE))
        self._taxonomy.check_same(state["taxonomy"], f"Checkpoint {self.newest}")
        return state

    def restore(self) -> dict[str, Any] | None:
        """Restores the newest checkpoint and returns its state; None where there is none.

        Raises:
            InputError: the checkpoint is of another taxonomy, or cannot be read.
        """
        state = self.read_state()
        if state is not None:
            with self._reading():
                status = self._checkpoint.restore(self.newest)
                status.expect_partial()  # Without it, what an error leaves unread is listed.
                if self._checkpoint.optimizer:
                    status.assert_consumed()
        return state

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (tf.errors.OpError, LookupError, ValueError, AssertionError) as error:
            # A data file that was cut off gives an IndexError.
            reason = getattr(error, "message", str(error)).strip().splitlines()[0]
            raise InputError(
                f"Checkpoint {self.newest} cannot be read: {reason}. Remove {self.newest}.* to go "
                "on from the one before it."
            ) from error


def newest_checkpoint(folder: str | pathlib.Path) -> str | None:
    """The path of the newest checkpoint in a folder; None where there is none."""
    state = tf.train.get_checkpoint_state(str(folder))
    paths = [] if state is None else reversed(state.all_model_checkpoint_paths)
    return next((path for path in paths if pathlib.Path(path + ".index").exists()), None)
