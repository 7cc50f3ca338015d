"""The launcher that describes a data set: what it prints, writes and refuses."""

import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

FINE = {"siamese": "cat", "persian": "cat", "beagle": "dog"}


@pytest.fixture
def pets(tmp_path):
    """A tree of 4 images of each class to train and 1 to test."""
    for k, (fine, coarse) in enumerate(FINE.items()):
        for i in range(5):
            split = "test" if i == 4 else "train"
            path = tmp_path / "pets" / split / coarse / fine / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image = np.random.default_rng([k, i]).integers(0, 256, (20, 30, 3)).astype(np.uint8)
            path.write_bytes(tf.io.encode_png(image).numpy())
    return tmp_path / "pets"


def values(root):
    return {"dataset": "folder", "data_dir": root, "image_size": 12, "batch_size": 4}


def files_below(folder):
    return {p: p.read_bytes() for p in pathlib.Path(folder).rglob("*") if p.is_file()}


def test_describes_and_writes_nothing(launch, pets):
    before = files_below(pets.parent)
    code, out, err = launch("describe", **values(pets))
    assert (code, err) == (None, "")
    assert out.startswith(f"# folder in {pets}, split train: 12 images\n")
    assert "| trained on with fine label |" in out
    assert "## Decoding" not in out
    assert files_below(pets.parent) == before


def test_a_whole_set_is_verified_with_exit_code_0(launch, pets):
    code, out, err = launch("describe", "--verify", **values(pets), split="test")
    assert (code, err) == (None, "")
    assert "Decoding train\n" in out
    assert f"# folder in {pets}, split test: 3 images\n" in out
    assert "Split train: of 12 images all can be decoded.\n" in out
    assert "Split test: of 3 images all can be decoded.\n" in out


def test_bad_images_are_listed_with_exit_code_1(launch, pets, tmp_path):
    bad = [*sorted((pets / "train").rglob("*.png"))[:10], pets / "test/dog/beagle/4.png"]
    for path in bad:
        path.write_bytes(b"")
    listed = tmp_path / "bad.tsv"
    listed.write_text("of before\n")
    code, out, err = launch("describe", "--verify", **values(pets), failures=listed)
    assert (code, err) == (1, "")
    lines = "".join(f"- {path}: it is empty\n" for path in bad[:10])
    assert out.endswith(f"\n\n{lines}- and 1 more\n\nAll are listed in {listed}.\n\n")
    assert listed.read_text() == "".join(f"{path}\tit is empty\n" for path in bad)


def test_a_split_that_cannot_be_verified_is_told_with_exit_code_1(launch, pets):
    shutil.rmtree(pets / "test")
    code, out, err = launch("describe", "--verify", **values(pets))
    assert (code, err) == (1, "")
    assert "\nNo split test: " in out
    assert "Split train: of 12 images all can be decoded.\n" in out
    code, out, _ = launch("describe", **values(pets))
    assert code is None
    assert "\nNo split test: " in out


def test_where_none_is_bad_the_file_is_empty(launch, pets, tmp_path):
    code, _, _ = launch("describe", "--verify", **values(pets), failures=tmp_path / "bad.tsv")
    assert code is None
    assert (tmp_path / "bad.tsv").read_text() == ""


def test_an_earlier_list_outlasts_a_wrong_flag(launch, pets, tmp_path):
    listed = tmp_path / "bad.tsv"
    listed.write_text("of before\n")
    wrong = {**values(pets), "data_dir": tmp_path / "gone"}
    assert launch("describe", "--verify", **wrong, failures=listed)[0] == 2
    assert listed.read_text() == "of before\n"
    listed.unlink()
    assert launch("describe", "--verify", **wrong, failures=listed)[0] == 2
    assert not listed.exists()


def test_a_picture_is_drawn_of_what_can_be_read(launch, pets, tmp_path):
    pytest.importorskip("matplotlib", reason="the extra figures is not installed")
    (pets / "train/cat/siamese/0.png").write_bytes(b"no image")
    path = tmp_path / "pets.png"
    code, out, err = launch("describe", **values(pets), picture=path)
    assert (code, err) == (None, "")
    assert out.endswith(f"Wrote {path}\n")
    height, width, _ = tf.io.decode_png(path.read_bytes()).shape
    assert width == 1200
    assert height > 300


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"data_dir": "gone"}, "gone cannot be read: No such file or directory."),
        ({"picture": "a.jpg"}, "Picture a.jpg ends in '.jpg', expected .png."),
        ({"picture": "gone/a.png"}, "Picture gone/a.png cannot be written: gone is not a folder."),
        ({"failures": "a.tsv"}, "--failures names the images that --verify finds: give both."),
        ({"width": -1}, "The config cannot be used: width is -1.0, expected above 0."),
        (
            {"verify": "true", "failures": "gone/a.tsv"},
            "gone/a.tsv cannot be written: No such file or directory.",
        ),
    ],
)
def test_bad_flags_end_in_one_message(launch, pets, tmp_path, monkeypatch, wrong, message):
    monkeypatch.chdir(tmp_path)
    before = files_below(tmp_path)
    code, out, err = launch("describe", **{**values(pets), **wrong})
    assert (code, out, err) == (2, "", f"Error: {message}\n")
    assert files_below(tmp_path) == before
