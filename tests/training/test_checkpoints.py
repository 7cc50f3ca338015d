"""Checkpoints: what they hold, which are kept, and what damage does."""

import errno
import io
import json
import os
import random
import zipfile

import keras
import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training.checkpoints import Checkpoints, mend_checkpoints

TAXONOMY = Taxonomy(("a", "b"), ("x",), (0, 0))


def make_model(units=3):
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(units)])
    model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def make_checkpoints(folder, model=None, **arguments):
    model = make_model() if model is None else model
    return Checkpoints(folder, model, TAXONOMY, model.optimizer, **arguments), model


def variables_of(model):
    return [*model.variables, *model.optimizer.variables, *model.metrics_variables]


def values_of(model, value):
    """What `fill` gives each variable: other numbers for each, and within each."""
    sizes = [int(np.prod(variable.shape)) for variable in variables_of(model)]
    starts = np.cumsum([0, *sizes[:-1]])
    return [
        value + start + np.arange(size).reshape(variable.shape)
        for variable, start, size in zip(variables_of(model), starts, sizes, strict=True)
    ]


def fill(model, value):
    for variable, values in zip(variables_of(model), values_of(model, value), strict=True):
        variable.assign(values)


def assert_filled(model, value, variables=None):
    count = len(variables_of(model)) if variables is None else len(variables)
    pairs = zip(variables_of(model), values_of(model, value), strict=True)
    for variable, values in [*pairs][:count]:
        np.testing.assert_array_equal(keras.ops.cast(variable, "float32"), values)


def damage(path):
    path.write_bytes(path.read_bytes()[:-1])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_give_back_weights_optimizer_metrics_and_state(tmp_path):
    checkpoints, model = make_checkpoints(tmp_path)
    fill(model, 3)
    checkpoints.save({"step": 8, "note": "é"})
    fill(model, 0)
    state = checkpoints.restore()
    assert (state["step"], state["note"]) == (8, "é")
    assert len(variables_of(model)) > 6
    assert_filled(model, 3)


@pytest.mark.parametrize("policy", ["bfloat16", "mixed_bfloat16", "float16"])
def test_give_back_weights_of_types_that_numpy_lacks(tmp_path, policy):
    model = keras.Sequential(
        [keras.layers.Input((2,)), keras.layers.Dense(2, dtype=policy), keras.layers.Dense(1)]
    )
    model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9), loss="mse")
    model.optimizer.build(model.trainable_variables)
    checkpoints, _ = make_checkpoints(tmp_path, model)
    fill(model, 3)
    checkpoints.save({"step": 1})
    fill(model, 0)
    checkpoints.restore()
    assert_filled(model, 3)


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
    assert_filled(model, 9, model.variables)


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
        assert_filled(model, step)
        steps.append(step)
    # Some bytes, such as those of the time of writing, do not matter.
    assert steps.count(1) > 0.8 * len(steps)


def test_a_damaged_one_is_left_out_with_a_warning_and_set_aside_by_the_run(tmp_path, caplog):
    checkpoints, _ = make_checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save({"step": step})
    path = tmp_path / "step-2.npz"
    damage(path)
    assert checkpoints.restore()["step"] == 1
    assert caplog.messages == [f"Checkpoint {path} is damaged, and left out."]
    assert names(tmp_path) == ["step-1.npz", "step-2.npz"]
    caplog.clear()
    mend_checkpoints(tmp_path)
    assert caplog.messages == [
        f"Checkpoint {path} is damaged, and set aside as step-2.npz.damaged."
    ]
    assert names(tmp_path) == ["step-1.npz", "step-2.npz.damaged"]
    assert checkpoints.restore()["step"] == 1


def test_one_damaged_one_is_kept_and_what_was_being_written_goes(tmp_path, caplog):
    checkpoints, _ = make_checkpoints(tmp_path, most=3)
    for step in (1, 2, 3):
        checkpoints.save({"step": step})
    for name in ("step-2.npz", "step-3.npz"):
        damage(tmp_path / name)
    for name in ("step-0.npz.damaged", "step-4.npz.unfinished", "best.npz.unfinished"):
        (tmp_path / name).write_bytes(b"half")
    mend_checkpoints(tmp_path)
    assert names(tmp_path) == ["step-1.npz", "step-3.npz.damaged"]
    assert caplog.messages[1:] == [f"Checkpoint {tmp_path}/step-2.npz is damaged, and removed."]


def test_where_all_are_damaged_that_is_said_and_they_stay(tmp_path):
    checkpoints, _ = make_checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save({"step": step})
        damage(tmp_path / f"step-{step}.npz")
    for read in (checkpoints.restore, checkpoints.read_state, lambda: mend_checkpoints(tmp_path)):
        with pytest.raises(InputError) as error:
            read()
        assert str(error.value) == (
            f"All checkpoints in {tmp_path} are damaged: step-2.npz, step-1.npz. Remove this "
            "folder to train from the first update again, or use another workdir."
        )
    assert names(tmp_path) == ["step-1.npz", "step-2.npz"]


def test_a_damaged_best_one_is_refused(tmp_path):
    checkpoints, _ = make_checkpoints(tmp_path)
    checkpoints.save_best({"step": 1})
    damage(tmp_path / "best.npz")
    with pytest.raises(InputError) as error:
        checkpoints.restore_best()
    assert str(error.value) == (
        f"Checkpoint {tmp_path}/best.npz is damaged. Use the newest one, or train again in "
        "another workdir."
    )


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.ESTALE, errno.EMFILE])
def test_one_that_the_system_does_not_give_is_not_damaged(tmp_path, monkeypatch, code):
    checkpoints, _ = make_checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save({"step": step})

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    for read in (checkpoints.restore, lambda: mend_checkpoints(tmp_path)):
        with pytest.raises(InputError) as error:
            read()
        assert str(error.value) == f"{tmp_path}/step-2.npz cannot be read: {os.strerror(code)}."
    assert names(tmp_path) == ["step-1.npz", "step-2.npz"]


def test_one_that_goes_while_they_are_looked_through_is_passed_over(tmp_path, monkeypatch, caplog):
    checkpoints, _ = make_checkpoints(tmp_path)
    checkpoints.save({"step": 1})
    monkeypatch.setattr(os, "listdir", lambda folder: ["step-1.npz", "step-2.npz"])
    assert checkpoints.restore()["step"] == 1
    assert not caplog.messages


def rewrite(path, change):
    """Writes a checkpoint's files again, with sound checksums."""
    with zipfile.ZipFile(path) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    change(contents)
    with zipfile.ZipFile(path, "w") as file:
        for name, content in contents.items():
            file.writestr(name, content)


def test_one_that_lacks_an_array_is_damaged(tmp_path):
    checkpoints, _ = make_checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save({"step": step})
    rewrite(tmp_path / "step-2.npz", lambda contents: contents.pop("model/0.npy"))
    assert checkpoints.restore()["step"] == 1


@pytest.mark.parametrize("text", ['{"step": 1, "taxonomy": "a"}', "[]", "1", "{", "[" * 9999])
def test_one_whose_state_is_another_versions_is_refused_and_stays(tmp_path, text):
    checkpoints, _ = make_checkpoints(tmp_path)
    checkpoints.save({"step": 1})
    state = io.BytesIO()
    np.save(state, np.array(text))
    path = tmp_path / "step-1.npz"
    rewrite(path, lambda contents: contents.update({"state.npy": state.getvalue()}))
    with pytest.raises(InputError) as error:
        checkpoints.restore()
    assert str(error.value) == (
        f"Checkpoint {path} is not this version's: its state is not an object that holds step, "
        "taxonomy, arrays. Use the version that wrote it, or another workdir."
    )
    assert names(tmp_path) == ["step-1.npz"]


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
