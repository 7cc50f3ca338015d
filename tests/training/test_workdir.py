"""One run's folder: claimed once, and never by two runs."""

import dataclasses
import errno
import io
import json
import math
import os
import re
import zipfile

import numpy as np
import pytest

from coarse2fine.data import ArraySource, draw_partition
from coarse2fine.data.partition import split_ids
from coarse2fine.errors import InputError
from coarse2fine.files import (
    append_text,
    make_folder,
    read_arrays,
    read_json,
    remove_file,
    write_arrays,
    write_bytes,
    write_json,
    write_text,
)
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, load_run
from coarse2fine.training.workdir import Workdir

TAXONOMY = Taxonomy(("a", "é"), ("x", "猫"), (0, 1))
CONFIG = Config(steps=7)


def make_source(taxonomy=TAXONOMY, prefix="image"):
    fine = np.repeat([0, 1], 10)
    ids = np.array([f"{prefix}_é{i}" for i in range(20)])
    return ArraySource(np.zeros((20, 4, 5, 3), np.uint8), taxonomy, fine, ids)


def claim(path, config=CONFIG, source=None, seed=0, **counts):
    source = source or make_source()
    partition = draw_partition(source.fine, source.coarse, source.ids, 0.5, 0.3, 0.2, seed)
    Workdir(path).claim(config, source, partition, **counts)
    return partition


def check_refused(message, function, *args, **kwargs):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        function(*args, **kwargs)


def one_array():
    """The bytes of a `.npy` file."""
    file = io.BytesIO()
    np.save(file, np.eye(2))
    return file.getvalue()


def contents(path):
    """Every file below a folder."""
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_claim_writes_what_reading_gives_back(tmp_path):
    path = tmp_path / "new" / "run"
    partition = claim(path)
    home = Workdir(path)
    assert home.read_config() == CONFIG
    assert home.read_taxonomy() == TAXONOMY
    assert home.read_image_shape() == (4, 5, 3)
    assert home.read_metrics() == []
    names = [f"{part}{ends}" for part in vars(partition) for ends in ("", "_ends")]
    ids = read_arrays(path / "partition.npz", names)
    for part, indices in vars(partition).items():
        assert split_ids(ids[part], ids[f"{part}_ends"]) == list(make_source().ids[indices])
    counts = json.loads((path / "data.json").read_text())["images"]
    assert counts == partition.counts == {"fine_labelled": 8, "coarse_only": 6, "validation": 2}


def test_the_same_run_may_claim_again(tmp_path):
    claim(tmp_path)
    before = contents(tmp_path)
    claim(tmp_path)
    claim(tmp_path, CONFIG.replace(data_dir="/moved", strategy="single"))
    assert contents(tmp_path) == before


def test_claim_notes_what_was_left_out_and_what_was_changed(tmp_path):
    source = make_source()
    source.dropped = {"ü": 3, "b": 4}
    partition = claim(tmp_path, source=source, fine_labels_changed=5)
    data = Workdir(tmp_path).read_data()
    assert data == {
        "format": 4,
        "image_shape": [4, 5, 3],
        "view": None,
        "images": partition.counts,
        "dropped": {"ü": 3, "b": 4},
        "fine_labels_changed": 5,
        "fingerprint": source.fingerprint(),
    }


def test_a_run_of_another_version_is_refused(tmp_path):
    claim(tmp_path)
    path = tmp_path / "data.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "format": 2}))
    check_refused(
        f"{tmp_path} holds a run in format 2, expected 4: another version made it. Use that "
        "version, or another workdir.",
        Workdir(tmp_path).read_data,
    )
    check_refused(
        f"{tmp_path} holds a run in format 2, expected 4: another version made it. Use that "
        "version, or another workdir.",
        claim,
        tmp_path,
    )
    del data["format"]
    path.write_text(json.dumps(data))
    check_refused(
        f"{path} cannot be read: it lacks 'format'. It was not written by this version.",
        Workdir(tmp_path).read_data,
    )


def test_a_run_of_another_version_is_refused_before_its_config_is_read(tmp_path):
    claim(tmp_path)
    data = json.loads((tmp_path / "data.json").read_text())
    (tmp_path / "data.json").write_text(json.dumps({"format": 0}))
    (tmp_path / "config.json").write_text('{"colour": "red"}')
    message = (
        f"{tmp_path} holds a run in format 0, expected 4: another version made it. Use that "
        "version, or another workdir."
    )
    for read in (Workdir(tmp_path).read_config, lambda: load_run(tmp_path)):
        check_refused(message, read)
    check_refused(message, claim, tmp_path)
    (tmp_path / "data.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"config\.json"):
        claim(tmp_path)


def test_a_name_that_is_too_long_is_refused(tmp_path):
    path = tmp_path / ("a" * 256)
    message = f"Workdir {path}: File name too long. Use a shorter one."
    check_refused(message, claim, path)
    check_refused(message, load_run, path)


def test_the_same_images_pass_the_check_and_others_are_refused(tmp_path):
    partition, home = claim(tmp_path), Workdir(tmp_path)
    home.check_same_images(make_source(), partition)
    message = (
        f"{tmp_path} holds a run on other images: its data set or partition is not what this "
        "data set gives. Use another workdir."
    )
    others = make_source().with_fine([-1] + [0] * 9 + [1] * 10)
    check_refused(message, home.check_same_images, others, partition)


def test_a_run_remembers_what_its_data_set_calls_the_classes(tmp_path):
    named = dataclasses.replace(TAXONOMY, source_names=("n1", "n2"))
    claim(tmp_path, source=make_source(named))
    assert Workdir(tmp_path).read_taxonomy() == named


@pytest.mark.parametrize(
    "left",
    [
        [],
        ["taxonomy.json.unfinished"],
        ["taxonomy.json"],
        ["taxonomy.json", "partition.npz"],
        ["taxonomy.json", "partition.npz", "data.json", "config.json.unfinished"],
    ],
)
def test_a_claim_that_was_cut_off_is_made_again(tmp_path, left):
    claim(tmp_path / "whole")
    (tmp_path / "cut").mkdir()
    for name in left:
        (tmp_path / "cut" / name).write_bytes(b"half")
    claim(tmp_path / "cut")
    one, other = (
        {path.name: data for path, data in contents(tmp_path / name).items()}
        for name in ("whole", "cut")
    )
    assert one.keys() == other.keys()
    for name in ("config.json", "taxonomy.json", "data.json"):
        assert one[name] == other[name]


def test_more_steps_than_before_are_no_other_run(tmp_path):
    claim(tmp_path)
    claim(tmp_path, config=CONFIG.replace(steps=9))
    assert Workdir(tmp_path).read_config() == CONFIG.replace(steps=9)


def test_a_run_may_begin_to_skip_bad_images_and_not_end(tmp_path):
    claim(tmp_path)
    skipping = CONFIG.replace(skip_bad_images=True)
    claim(tmp_path, config=skipping)
    assert Workdir(tmp_path).read_config() == skipping
    message = (
        f"{tmp_path} holds another run (skip_bad_images: True, not False). Use another workdir, "
        "or the values of that run."
    )
    check_refused(message, claim, tmp_path)
    assert Workdir(tmp_path).read_config() == skipping


class TestRefuses:
    def check_unchanged(self, path, message, **claimed):
        before = contents(path)
        check_refused(message, claim, path, **claimed)
        assert contents(path) == before

    def test_another_run(self, tmp_path):
        claim(tmp_path)
        message = (
            f"{tmp_path} holds another run (steps: 7, not 5; seed: 0, not 3). Use another workdir, "
            "or the values of that run."
        )
        self.check_unchanged(tmp_path, message, config=CONFIG.replace(steps=5, seed=3))

    @pytest.mark.parametrize("change", [{"seed": 1}, {"source": make_source(prefix="photo")}])
    def test_other_images(self, tmp_path, change):
        claim(tmp_path)
        message = (
            f"{tmp_path} holds a run on other images: its data set or partition is not what this "
            "data set gives. Use another workdir."
        )
        self.check_unchanged(tmp_path, message, **change)

    def test_another_taxonomy(self, tmp_path):
        claim(tmp_path)
        other = Taxonomy(("a", "é"), ("x", "y"), (0, 1))
        message = (
            f"The run in {tmp_path} was made with another taxonomy: its fingerprint is "
            f"{TAXONOMY.fingerprint[:12]}, expected {other.fingerprint[:12]} (2 fine and 2 coarse "
            "classes). Use the taxonomy that it was made with."
        )
        self.check_unchanged(tmp_path, message, source=make_source(other))

    def test_other_files(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("text")
        message = f"{tmp_path} is no workdir: it holds files but no config.json. Use another one."
        self.check_unchanged(tmp_path, message)

    def test_a_file(self, tmp_path):
        path = tmp_path / "notes"
        path.write_text("text")
        check_refused(f"{path} is a file, expected a folder.", claim, path)
        assert path.read_text() == "text"

    def test_a_folder_below_a_file(self, tmp_path):
        (tmp_path / "notes").write_text("text")
        path = tmp_path / "notes" / "run"
        check_refused(f"{path} cannot be written: Not a directory.", claim, path)

    def test_to_read_a_run_that_is_not_there(self, tmp_path):
        message = f"{tmp_path} holds no run: there is no {tmp_path / 'config.json'}."
        check_refused(message, Workdir(tmp_path).read_config)

    def test_a_partition_that_was_cut_off(self, tmp_path):
        claim(tmp_path)
        path = tmp_path / "partition.npz"
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(InputError, match=f"^{re.escape(str(path))} cannot be read: "):
            claim(tmp_path)


def metrics_line(**changes):
    """A line of metrics; changes to None take a key out."""
    line = {"epoch": 1, "step": 3, "images_seen": 30, "seconds": 0.5, "loss": 1.5, **changes}
    return json.dumps({key: value for key, value in line.items() if value is not None})


def test_a_line_of_metrics_that_was_cut_off_is_left_out(tmp_path):
    home = Workdir(tmp_path)
    lines = [metrics_line(), metrics_line(epoch=2, step=6)]
    home.metrics_file.write_text("".join(line + "\n" for line in lines) + '{"epoch": 3, "ste')
    assert home.read_metrics() == [json.loads(line) for line in lines]


@pytest.mark.parametrize("line", [b'{"step": 6', b"", b"6", b"[6]", b"\xff", b'{"step": 6}}'])
def test_a_line_of_metrics_that_is_damaged_is_named(tmp_path, line):
    home = Workdir(tmp_path)
    lines = [metrics_line().encode(), line, metrics_line(epoch=3).encode()]
    home.metrics_file.write_bytes(b"\n".join(lines) + b"\n")
    message = (
        f"{home.metrics_file}, line 2 is damaged: expected the metrics of an epoch, a JSON object. "
        "Restore the line, or remove it."
    )
    check_refused(message, home.read_metrics)


@pytest.mark.parametrize("name", ["epoch", "step", "images_seen", "seconds"])
def test_metrics_that_lack_what_each_epoch_has_are_refused(tmp_path, name):
    home = Workdir(tmp_path)
    message = (
        f"{home.metrics_file}, line 2 is damaged: expected a finite number as {name!r}. Restore "
        "the line, or remove it."
    )
    without = metrics_line(**{name: None})
    bad = ("null", "true", '"3"', "[3]", "NaN", "Infinity", "1" + 400 * "0")
    for line in (without, *(f'{{"{name}": {value}, {without[1:]}' for value in bad)):
        home.metrics_file.write_text(f"{metrics_line()}\n{line}\n")
        check_refused(message, home.read_metrics)


@pytest.mark.parametrize("bad", ["null", "false", '"1.5"', "{}", "1" + 400 * "0"])
def test_a_metric_that_is_no_number_is_refused(tmp_path, bad):
    home = Workdir(tmp_path)
    home.metrics_file.write_text(metrics_line().replace("1.5", bad) + "\n")
    message = (
        f"{home.metrics_file}, line 1 is damaged: expected a number as 'loss'. Restore the line, "
        "or remove it."
    )
    check_refused(message, home.read_metrics)


def test_a_metric_may_be_no_finite_number(tmp_path):
    home = Workdir(tmp_path)
    home.metrics_file.write_text(metrics_line(loss=math.nan, val_loss=math.inf) + "\n")
    (metrics,) = home.read_metrics()
    assert math.isnan(metrics["loss"])
    assert metrics["val_loss"] == math.inf


WRITERS = {
    "text": lambda path: write_text(path, "é"),
    "bytes": lambda path: write_bytes(path, b"x"),
    "json": lambda path: write_json(path, {"a": 1}),
    "arrays": lambda path: write_arrays(path, {"a": np.eye(2)}),
}


class TestFiles:
    @pytest.mark.parametrize("kind", WRITERS)
    def test_what_cannot_be_written_is_named_and_leaves_nothing(self, tmp_path, kind):
        gone, folder = tmp_path / "gone" / "file", tmp_path / "folder"
        message = f"{gone} cannot be written: No such file or directory."
        check_refused(message, WRITERS[kind], gone)
        folder.mkdir()
        check_refused(f"{folder} cannot be written: Is a directory.", WRITERS[kind], folder)
        assert list(tmp_path.rglob("*")) == [folder]

    @pytest.mark.parametrize("kind", WRITERS)
    def test_a_full_disk_is_named_and_leaves_what_was_there(self, tmp_path, kind, monkeypatch):
        path = tmp_path / "file"
        WRITERS[kind](path)
        before = path.read_bytes()

        def replace(source, target):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "replace", replace)
        message = f"{path} cannot be written: No space left on device."
        check_refused(message, WRITERS[kind], path)
        assert contents(tmp_path) == {path: before}

    def test_text_is_put_behind_what_is_there(self, tmp_path):
        path = tmp_path / "file"
        for text in ("é\n", "猫\n"):
            append_text(path, text)
        assert path.read_text(encoding="utf-8") == "é\n猫\n"
        check_refused(f"{tmp_path} cannot be written: Is a directory.", append_text, tmp_path, "x")

    def test_arrays_that_cannot_be_saved_leave_nothing(self, tmp_path):
        class Broken:
            def __array__(self, *args, **kwargs):
                raise RuntimeError("broken")

        with pytest.raises(RuntimeError, match="broken"):
            write_arrays(tmp_path / "arrays.npz", {"a": np.eye(2), "b": Broken()})
        assert not list(tmp_path.iterdir())

    def test_a_folder_that_cannot_be_made_and_a_file_that_cannot_be_removed_are_named(
        self, tmp_path
    ):
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "folder"
        check_refused(f"{path} cannot be written: Not a directory.", make_folder, path)
        (tmp_path / "folder").mkdir()
        with pytest.raises(InputError, match=f"^{tmp_path / 'folder'} cannot be written: "):
            remove_file(tmp_path / "folder")
        remove_file(tmp_path / "gone")

    def test_arrays_that_were_written_are_read_back(self, tmp_path):
        arrays = {"a": np.eye(2), "b": np.array([b"x", "é".encode()])}
        write_arrays(tmp_path / "arrays.npz", arrays)
        result = read_arrays(tmp_path / "arrays.npz", arrays)
        assert set(result) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(result[name], array)

    def check_unreadable(self, path, reason):
        message = f"{path} cannot be read: {reason}. It was not written by this version."
        check_refused(message, read_arrays, path, ["a", "b"])

    @pytest.mark.parametrize("data", [b"", b"text", b"PK\x03\x04", one_array()])
    def test_what_holds_no_arrays_is_refused(self, tmp_path, data):
        path = tmp_path / "arrays.npz"
        path.write_bytes(data)
        self.check_unreadable(path, "it is no .npz file")

    def test_arrays_that_are_not_there_are_refused(self, tmp_path):
        self.check_unreadable(tmp_path / "arrays.npz", "No such file or directory")
        self.check_unreadable(tmp_path, "Is a directory")

    def test_arrays_that_lack_a_name_are_refused(self, tmp_path):
        path = tmp_path / "arrays.npz"
        write_arrays(path, {"a": np.eye(2)})
        self.check_unreadable(path, "it lacks 'b'")

    def test_an_archive_of_something_else_is_refused(self, tmp_path):
        path = tmp_path / "arrays.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", one_array())
            archive.writestr("b.npy", b"text")
        self.check_unreadable(path, "it lacks 'b'")

    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    def test_arrays_that_are_damaged_are_refused(self, tmp_path, save):
        path = tmp_path / "arrays.npz"
        save(path, a=np.arange(1000), b=np.arange(1000))
        damaged = bytearray(path.read_bytes())
        damaged[300:360] = b"\xff" * 60
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=f"^{re.escape(str(path))} cannot be read: "):
            read_arrays(path, ["a", "b"])

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', "[" * 100_000])
    def test_json_that_is_no_object_or_lacks_a_key_is_refused(self, tmp_path, text):
        path = tmp_path / "data.json"
        path.write_text(text)
        with pytest.raises(InputError, match=f"^{re.escape(str(path))} cannot be read: "):
            read_json(path, ["b"])

    def test_a_write_that_fails_leaves_what_was_there(self, tmp_path):
        write_text(tmp_path / "text", "before")
        with pytest.raises(UnicodeEncodeError):
            write_text(tmp_path / "text", "after \ud800")
        assert (tmp_path / "text").read_text() == "before"
