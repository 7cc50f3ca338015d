"""Checkpoints where something is in the way."""

import re

import keras
import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training.checkpoints import Checkpoints


def test_one_that_cannot_be_written_is_an_error_in_plain_words_and_leaves_the_one_before(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    checkpoints = Checkpoints(tmp_path, model, Taxonomy(("a", "b"), ("x",), (0, 0)))
    kept = [weight.copy() for weight in model.get_weights()]
    checkpoints.save(1, {"epoch": 1})
    model.set_weights([weight + 1 for weight in kept])
    in_the_way = tmp_path / "step-2_temp"  # Where its data are written first.
    in_the_way.write_text("")
    with pytest.raises(InputError) as error:
        checkpoints.save(2, {"epoch": 2})
    assert re.fullmatch(
        rf"The checkpoint of step 2 cannot be written to {re.escape(str(tmp_path))}: "
        rf"{re.escape(str(in_the_way))}/part-\S+; Not a directory\. "
        "Earlier ones are as they were\\.",
        str(error.value),
    ), error.value
    state = checkpoints.restore()
    assert (state["step"], state["epoch"]) == (1, 1)
    for weight, expected in zip(model.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(weight, expected)
    in_the_way.unlink()
    checkpoints.save(2, {"epoch": 2})
    assert checkpoints.read_state()["step"] == 2
