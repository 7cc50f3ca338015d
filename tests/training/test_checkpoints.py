"""Checkpoints: what they hold, which are kept, and what damage does."""

import json
import random
import zipfile

import keras
import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training.checkpoints import Checkpoints

TAXONOMY = Taxonomy(("a", "b"), ("x",), (0, 0))


def make_model(units=3):
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(units)])
    model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def make_checkpoints(folder, model=None, **arguments):
    model = make_model() if model is None else model
    return Checkpoints(folder, model, TAXONOMY, model.optimizer, **arguments), model


def fill(model, value):
    for variable in [*model.variables, *model.optimizer.variables, *model.metrics_variables]:
        variable.assign(np.full(variable.shape, value))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_give_back_weights_optimizer_metrics_and_state(tmp_path):
    checkpoints, model = make_checkpoints(tmp_path)
    fill(model, 3)
    checkpoints.save({"step": 8, "note": "é"})
    fill(model, 0)
    state = checkpoints.restore()
    assert (state["step"], state["note"]) == (8, "é")
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    assert len(variables) > 6
    for variable in variables:
        np.testing.assert_array_equal(variable, np.full(variable.shape, 3))


def test_there_are_none_in_a_folder_that_is_not_there(tmp_path):
    checkpoints, _ = make_checkpoints(tmp_path / "none")
    assert checkpoints.restore() is None
    assert checkpoints.restore_best() is None
    assert checkpoints.read_state() is None
    assert not (tmp_path / "none").exists()


def test_the_newest_by_number_and_the_best_are_kept(tmp_path):
    checkpoints, model = make_checkpoints(tmp_path, most=3)
    for step in (8, 9, 10, 100):
        fill(model, step)
        checkpoints.save({"step": step})
        if step == 9:
            checkpoints.save_best({"step": step})
    assert names(tmp_path) == ["best.npz", "step-10.npz", "step-100.npz", "step-9.npz"]
    assert checkpoints.restore()["step"] == 100
    assert checkpoints.restore_best()["step"] == 9
    np.testing.assert_array_equal(model.variables[1], np.full(3, 9))


def test_every_flipped_byte_and_every_cut_is_noticed(tmp_path):
    checkpoints, model = make_checkpoints(tmp_path)
    fill(model, 1)
    checkpoints.save({"step": 1})
    fill(model, 2)
    checkpoints.save({"step": 2})
    path, rng = tmp_path / "step-2.npz", random.Random(0)
    whole = path.read_bytes()
    damages = [whole[:size] for size in rng.sample(range(len(whole)), 40)]
    for place in rng.sample(range(len(whole)), 200):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.randrange(8)
        damages.append(bytes(damaged))
    steps = []
    for damaged in damages:
        path.write_bytes(damaged)
        fill(model, 0)
        step = checkpoints.restore()["step"]
        for variable in [*model.variables, *model.optimizer.variables]:
            np.testing.assert_array_equal(variable, np.full(variable.shape, step))
        steps.append(step)
    # Some bytes, such as those of the time of writing, do not matter.
    assert steps.count(1) > 0.8 * len(steps)


def test_a_damaged_one_is_set_aside_with_a_warning_and_by_readers_left_alone(tmp_path, caplog):
    checkpoints, model = make_checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save({"step": step})
    path = tmp_path / "step-2.npz"
    path.write_bytes(path.read_bytes()[:-1])
    reader = Checkpoints(tmp_path, model, TAXONOMY)
    assert reader.restore()["step"] == 1
    assert caplog.messages == [f"Checkpoint {path} is damaged, and left out."]
    caplog.clear()
    assert checkpoints.restore()["step"] == 1
    assert caplog.messages == [
        f"Checkpoint {path} is damaged, and set aside as step-2.npz.damaged."
    ]
    assert names(tmp_path) == ["step-1.npz", "step-2.npz.damaged"]


def test_one_that_lacks_an_array_is_damaged(tmp_path):
    checkpoints, _ = make_checkpoints(tmp_path)
    checkpoints.save({"step": 1})
    path = tmp_path / "step-1.npz"
    with zipfile.ZipFile(path) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    del contents["model/0.npy"]
    with zipfile.ZipFile(path, "w") as file:
        for name, content in contents.items():
            file.writestr(name, content)
    assert checkpoints.restore() is None


def test_one_of_another_network_or_taxonomy_is_refused_and_stays(tmp_path):
    checkpoints, _ = make_checkpoints(tmp_path)
    checkpoints.save({"step": 1})
    path = tmp_path / "step-1.npz"
    for other in (make_model(units=5), keras.Sequential([keras.layers.Input((4,))])):
        with pytest.raises(InputError) as error:
            Checkpoints(tmp_path, other, TAXONOMY).restore()
        assert str(error.value) == (
            f"Checkpoint {path} does not fit the model: it was made with another network, or by "
            "another version."
        )
    taxonomy = Taxonomy(("a", "c"), ("x",), (0, 0))
    with pytest.raises(InputError, match=f"^Checkpoint {path} was made with another taxonomy"):
        Checkpoints(tmp_path, make_model(), taxonomy).restore()
    assert names(tmp_path) == ["step-1.npz"]


def test_a_full_disk_leaves_the_earlier_ones(tmp_path, monkeypatch):
    checkpoints, _ = make_checkpoints(tmp_path)
    checkpoints.save({"step": 1})

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(InputError) as error:
        checkpoints.save({"step": 2})
    assert str(error.value) == f"{tmp_path}/step-2.npz cannot be written: No space left on device."
    assert names(tmp_path) == ["step-1.npz"]


def test_the_state_is_readable_without_a_model(tmp_path):
    checkpoints, _ = make_checkpoints(tmp_path)
    checkpoints.save({"step": 4})
    with np.load(tmp_path / "step-4.npz", allow_pickle=False) as saved:
        assert json.loads(str(saved["state"]))["step"] == 4
