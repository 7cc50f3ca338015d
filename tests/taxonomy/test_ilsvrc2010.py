"""Lei 2017's subset of ILSVRC2010: the paper's figures, and the rule on small tables."""

import collections
import re
import sys

import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.taxonomy import ilsvrc2010, ilsvrc2010_image_counts, read_taxonomy, write_taxonomy

EXPECTED = "Expected data/meta.mat of the ILSVRC2010 development kit."

# id, words, children, images. Of 10's children one is no leaf, 11 has one child alone, and 5 has
# two parents.
TABLE = [
    (1, "pug, pug-dog", [], 5),
    (2, "tench", [], 7),
    (3, "poodle", [], 11),
    (4, "cup", [], 13),
    (5, "carp", [], 17),
    (6, "wolf", [], 19),
    (7, "cap", [], 23),
    (8, "cap, hood", [], 29),
    (9, "whole", [10, 11, 12, 13, 14, 15], 0),
    (10, "canine", [12, 6], 0),
    (11, "vessel", [4], 0),
    (12, "dog, domestic dog", [3, 1], 0),
    (13, "fish", [2, 5], 0),
    (14, "headgear", [7, 8], 0),
    (15, "food", [5], 0),
]


@pytest.fixture
def write_mat(tmp_path):
    """Writes variables as MATLAB does."""
    io = pytest.importorskip("scipy.io", reason="the extra imagenet is not installed")

    def call(**variables):
        io.savemat(tmp_path / "meta.mat", variables)
        return tmp_path / "meta.mat"

    return call


def make_table(rows):
    names = ("ILSVRC2010_ID", "WNID", "words", "children", "num_train_images")
    table = np.zeros((len(rows), 1), [(name, object) for name in names])
    for place, (number, words, children, images) in zip(table[:, 0], rows, strict=True):
        values = (number, f"n{number:08}", words, np.array([children], np.uint16), images)
        for name, value in zip(names, values, strict=True):
            place[name] = value
    return table


@pytest.fixture
def meta(data_dir):
    """The development kit's table."""
    pytest.importorskip("scipy", reason="the extra imagenet is not installed")
    return data_dir / "hierarchy" / "ilsvrc2010_meta.mat"


def check_refused(path, message):
    for read in (ilsvrc2010, ilsvrc2010_image_counts):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            read(path)


def test_coarse_classes_are_synsets_of_leaves_that_have_no_other_parent(write_mat):
    path = write_mat(synsets=make_table(TABLE))
    taxonomy = ilsvrc2010(path)
    assert taxonomy.fine_names == ("pug", "poodle", "cap", "cap, hood")
    assert taxonomy.source_names == ("n00000001", "n00000003", "n00000007", "n00000008")
    assert taxonomy.coarse_names == ("dog", "headgear")
    assert taxonomy.parent == (0, 0, 1, 1)
    np.testing.assert_array_equal(ilsvrc2010_image_counts(path), [5, 11, 23, 29])


def test_the_development_kit_gives_the_papers_classes(meta):
    taxonomy = ilsvrc2010(meta)
    assert (taxonomy.num_coarse, taxonomy.num_fine) == (143, 387)
    sizes = collections.Counter(map(len, taxonomy.children))
    assert (sizes[2], sizes[3]) == (94, 26)
    assert sum(sizes[size] for size in range(4, 10)) == 143 - 94 - 26
    assert sizes[4] > 0
    assert sizes[9] > 0


def test_the_development_kit_gives_the_papers_images(meta):
    counts = ilsvrc2010_image_counts(meta)
    assert counts.sum() == 487_809
    assert (counts.min(), counts.max()) == (668, 2426)
    of_coarse = np.bincount(ilsvrc2010(meta).parent, counts)
    assert (of_coarse.min(), of_coarse.max()) == (1454, 9790)


def test_the_development_kits_classes_have_names_to_read(meta, tmp_path):
    taxonomy = ilsvrc2010(meta)
    assert all(re.fullmatch(r"n\d{8}", name) for name in taxonomy.source_names)
    coarse = dict(zip(taxonomy.fine_names, taxonomy.parent, strict=True))
    assert taxonomy.coarse_names[coarse["mashed potato"]] == "potato"
    # Two coarse synsets have the one word cap; nothing else is told apart by its wnid.
    wnids = [n for n in taxonomy.fine_names + taxonomy.coarse_names if re.search(r"n\d{8}", n)]
    assert wnids == ["cap (n02954340)", "cap (n02954938)"]
    write_taxonomy(taxonomy, tmp_path / "ilsvrc2010.csv")
    assert read_taxonomy(tmp_path / "ilsvrc2010.csv") == taxonomy


def test_without_scipy_the_command_that_installs_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    check_refused(
        tmp_path / "meta.mat",
        "scipy, which reads meta.mat, is not installed: pip install 'coarse2fine[imagenet]'.",
    )


def test_a_missing_file_is_refused(write_mat, tmp_path):
    path = tmp_path / "meta"
    write_mat(synsets=make_table(TABLE))  # The suffix is not guessed.
    check_refused(path, f"{path} cannot be read: No such file or directory. {EXPECTED}")
    check_refused(tmp_path, f"{tmp_path} cannot be read: Is a directory. {EXPECTED}")


@pytest.mark.parametrize("content", [b"", b"no MATLAB file", b"MATLAB 5.0 MAT-file" + bytes(200)])
@pytest.mark.usefixtures("write_mat")
def test_another_kind_of_file_is_refused(tmp_path, content):
    path = tmp_path / "meta.mat"
    path.write_bytes(content)
    check_refused(path, f"{path} is no MATLAB file that can be read. {EXPECTED}")


def test_a_file_that_is_cut_off_is_refused(write_mat):
    path = write_mat(synsets=make_table(TABLE))
    path.write_bytes(path.read_bytes()[:1000])
    check_refused(path, f"{path} cannot be read: could not read bytes. {EXPECTED}")


def test_another_table_is_refused(write_mat):
    path = write_mat(synsets=np.arange(3.0))
    columns = "ILSVRC2010_ID, WNID, words, children, num_train_images"
    check_refused(path, f"{path} holds no table `synsets` with the columns {columns}. {EXPECTED}")
    path = write_mat(other=make_table(TABLE))
    check_refused(path, f"{path} holds no table `synsets` with the columns {columns}. {EXPECTED}")


def test_children_without_a_row_are_refused(write_mat):
    path = write_mat(synsets=make_table([(1, "a", [], 1), (2, "b", [1, 7], 0), (3, "c", [4], 0)]))
    check_refused(path, f"{path} names children that have no row: 4, 7. {EXPECTED}")


def test_a_row_that_is_no_synset_is_refused(write_mat):
    path = write_mat(synsets=make_table([(1, "a", [], 1), ("two", "b", [1], 0)]))
    with pytest.raises(InputError) as error:
        ilsvrc2010(path)
    message = str(error.value)
    assert message.startswith(f"{path} has a table `synsets` with unreadable rows: ")
    assert message.endswith(f"'two'. {EXPECTED}")


def test_a_table_without_such_synsets_is_refused(write_mat):
    path = write_mat(synsets=make_table(TABLE[:8]))
    with pytest.raises(
        InputError,
        match=re.escape(
            f"{path} has no synset with two children or more that are all leaves under it alone. "
            f"{EXPECTED}"
        ),
    ):
        ilsvrc2010(path)
