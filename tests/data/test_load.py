"""Splits of image files: their own, or drawn."""

import re

import pytest

from coarse2fine.data import load_source
from coarse2fine.errors import InputError

CLASSES = ("cat/tabby", "cat/manx", "dog/pug")


@pytest.fixture
def make_folder(tmp_path):
    """Makes a folder of four images a class, below folders of these splits."""

    def make(*splits):
        for split in splits:
            for name in CLASSES:
                folder = tmp_path / split / name
                folder.mkdir(parents=True)
                for i in range(4):
                    (folder / f"{i}.jpg").write_bytes(b"x")
        return str(tmp_path)

    return make


@pytest.fixture
def make_table(tmp_path):
    """Makes a table of four images a class in each of these splits."""

    def make(*splits):
        lines = ["path,coarse,fine,split"]
        for split in splits:
            for name in CLASSES:
                for i in range(4):
                    path = f"{split}_{name.replace('/', '_')}_{i}.jpg"
                    (tmp_path / path).write_bytes(b"x")
                    lines.append(f"{path},{name.replace('/', ',')},{split}")
        path = tmp_path / "images.csv"
        path.write_text("\n".join(lines))
        return str(path)

    return make


@pytest.fixture(params=["folder", "csv"])
def files(request):
    """The name of a kind of data set, and what makes one of some splits."""
    maker = {"folder": "make_folder", "csv": "make_table"}[request.param]
    return request.param, request.getfixturevalue(maker)


def load(name, where, split, **values):
    return load_source(name, split, where, image_size=8, **values)


def check_refused(message, *args, **values):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        load(*args, **values)


def test_own_splits_are_kept(files):
    name, make = files
    where = make("train", "test")
    train, test = (load(name, where, split) for split in ("train", "test"))
    assert len(train) == len(test) == 12
    assert all("train" in path for path in train.ids)
    assert all("test" in path for path in test.ids)
    check_refused(
        f"The images of {where} have splits of their own: test_fraction 0.25 would be ignored. "
        "Leave it out.",
        *(name, where, "train"),
        test_fraction=0.25,
    )


def test_a_test_set_is_drawn_where_there_are_no_splits(files):
    name, make = files
    where = make("")
    train, test = (load(name, where, split, test_fraction=0.25) for split in ("train", "test"))
    assert (len(train), len(test)) == (9, 3)
    assert not set(train.ids) & set(test.ids)
    check_refused(
        f"The images of {where} have no splits: give test_fraction, the share of each class that "
        "is the test set.",
        *(name, where, "train"),
    )


@pytest.mark.parametrize(("only", "other"), [("train", "test"), ("test", "train")])
def test_one_split_alone_is_refused_with_a_way_out(files, only, other):
    name, make = files
    where = make(only)
    assert len(load(name, where, only)) == 12
    message = (
        f"The images of {where} are all in the split {only}. Add {other} images; or, to have a "
        "test set drawn, leave the split out (its folder, or the table's column) and give "
        "test_fraction."
    )
    check_refused(message, name, where, other)
    for split in (only, other):
        check_refused(message, name, where, split, test_fraction=0.25)
