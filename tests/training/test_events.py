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
    """Steps and values, in the order in which TensorBoard reads them."""
    return [
        (event.step, float(tf.make_ndarray(value.tensor)))
        for path in sorted((folder / run).glob("events.*"))
        for event in read_events(path)
        for value in event.summary.value
    ]


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


def rename_newest(folder, name):
    """Gives the file that was written last the name that it has by another clock."""
    newest = max(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    newest.rename(folder / f"events.out.tfevents.{name}.host.1.0.v2")


def test_a_clock_that_jumps_back_changes_no_order(tmp_path):
    for number, name in enumerate((2000000000, 1900000000, 1800000000)):
        remove_events_after(tmp_path, 2 * number - 1)
        write(tmp_path, "train", range(2 * number, 2 * number + 2))
        rename_newest(tmp_path / "train", name)
        assert read(tmp_path, "train") == [(step, step) for step in range(2 * number + 2)]


def test_files_that_lie_in_the_wrong_order_are_put_in_order(tmp_path):
    for first, name in ((0, 2000000000), (2, 1900000000)):
        write(tmp_path, "train", range(first, first + 2))
        rename_newest(tmp_path / "train", name)
    assert read(tmp_path, "train")[0] == (2, 2)
    remove_events_after(tmp_path, 9)
    assert read(tmp_path, "train") == [(step, step) for step in range(4)]


@pytest.mark.parametrize("last", [-1, 1])
def test_the_formats_version_is_the_first_event_once(tmp_path, last):
    for steps in (range(2), range(2, 4)):
        write(tmp_path, "train", steps)
    remove_events_after(tmp_path, last)
    (path,) = (tmp_path / "train").iterdir()
    assert [event.file_version for event in read_events(path)] == [
        "brain.Event:2",
        *[""] * (last + 1),
    ]


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_record_that_was_cut_off_is_left_out(tmp_path, caplog, cut):
    write(tmp_path, "train", range(3))
    (path,) = (tmp_path / "train").iterdir()
    path.write_bytes(path.read_bytes()[:-cut])
    remove_events_after(tmp_path, 9)
    assert read(tmp_path, "train") == [(0, 0), (1, 1)]
    assert not caplog.messages


@pytest.mark.parametrize("place", [3, 20], ids=["length", "content"])
def test_damage_in_the_middle_is_warned_of(tmp_path, caplog, place):
    write(tmp_path, "train", range(4))
    (path,) = (tmp_path / "train").iterdir()
    content = bytearray(path.read_bytes())
    # The format's version has another length than the four events, which have the same.
    record = len(content) - 2 * ((len(content) - content[0] - 16) // 4)
    content[record + place] ^= 1
    path.write_bytes(content)
    assert [event.step for event in read_events(path)] == [0, 0, 1]
    assert caplog.messages == [
        f"{path} is damaged behind an event of update 1: what follows is left out."
    ]


def test_being_stopped_between_two_files_doubles_nothing(tmp_path, monkeypatch):
    write(tmp_path, "train", range(2))
    write(tmp_path, "train", range(2, 4))

    def stop(path, missing_ok=False):
        assert missing_ok, "stopped here"

    monkeypatch.setattr("pathlib.Path.unlink", stop)
    with pytest.raises(AssertionError, match=r"^stopped here"):
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
