"""TensorBoard's events of a run that goes on: no gap, none twice."""

import pytest
import tensorflow as tf

from coarse2fine.errors import InputError
from coarse2fine.training.events import read_events, remove_events_after


def write(folder, run, steps, value=0.0):
    writer = tf.summary.create_file_writer(str(folder / run))
    with writer.as_default():
        for step in steps:
            tf.summary.scalar("loss", value + step, step=step)
    writer.close()


def read(folder, run):
    """Steps and values, sorted."""
    return sorted(
        (event.step, float(tf.make_ndarray(value.tensor)))
        for path in sorted((folder / run).glob("events.*"))
        for event in read_events(path)
        for value in event.summary.value
    )


@pytest.mark.parametrize("last", [-1, 0, 2, 9])
def test_events_of_later_updates_go(tmp_path, last):
    for run in ("train", "validation"):
        write(tmp_path, run, range(4))
    remove_events_after(tmp_path, last)
    for run in ("train", "validation"):
        assert read(tmp_path, run) == [(step, step) for step in range(4) if step <= last]


def test_a_run_that_goes_on_has_each_once(tmp_path):
    write(tmp_path, "train", range(5))
    remove_events_after(tmp_path, 2)
    write(tmp_path, "train", range(3, 7))
    remove_events_after(tmp_path, 5)
    write(tmp_path, "train", range(6, 8))
    assert read(tmp_path, "train") == [(step, step) for step in range(8)]


def test_a_record_that_was_cut_off_is_left_out(tmp_path):
    write(tmp_path, "train", range(3))
    (path,) = (tmp_path / "train").iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    remove_events_after(tmp_path, 9)
    assert read(tmp_path, "train") == [(0, 0), (1, 1)]


def test_being_stopped_between_two_files_doubles_nothing(tmp_path, monkeypatch):
    write(tmp_path, "train", range(2))
    write(tmp_path, "train", range(2, 4))
    monkeypatch.setattr("pathlib.Path.unlink", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        remove_events_after(tmp_path, 9)
    monkeypatch.undo()
    remove_events_after(tmp_path, 9)
    assert read(tmp_path, "train") == [(step, step) for step in range(4)]


def test_there_may_be_none(tmp_path):
    remove_events_after(tmp_path / "none", 3)
    (tmp_path / "train").mkdir()
    remove_events_after(tmp_path, 3)
    assert not list((tmp_path / "train").iterdir())


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    write(tmp_path, "train", range(3))

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(InputError, match=f"^{tmp_path} cannot be written: .*No space left"):
        remove_events_after(tmp_path, 1)
    assert read(tmp_path, "train") == [(step, step) for step in range(3)]
