"""Images in files, and what messages call them."""

import pathlib
import re

import made_images
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data.file_source import FileSource, check_none
from coarse2fine.data.views import CenterCrop
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy

TAXONOMY = Taxonomy(("a", "b"), ("x",), (0, 0))
NAMES = ["a/1.png", "a/with space.png", "b/\u732b \u00e9 'quoted'.png", "b/two\nlines.png"]


@pytest.fixture
def source(tmp_path):
    for i, name in enumerate(NAMES):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(made_images.png(made_images.draw(8, 8, i)))
    paths = np.array(NAMES, object)
    return FileSource(str(tmp_path), paths, TAXONOMY, [0, 0, 1, 1], [0] * 4, CenterCrop(8, 8))


def refused(message):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


def test_reads_the_files_whatever_their_names(source):
    assert list(source.ids) == NAMES
    for i in range(4):
        np.testing.assert_array_equal(source[i]["image"], made_images.draw(8, 8, i))
        assert source[i]["id"] == NAMES[i]


def test_names_the_file_that_is_gone_on_one_line(source, tmp_path):
    (tmp_path / NAMES[3]).unlink()
    message = (
        f"{str(tmp_path / NAMES[3])!r} cannot be read as an image: No such file or directory. "
        "Replace or remove it."
    )
    assert "\n" not in message
    with refused(message):
        source.images(tf.constant([0, 3], tf.int64))


def test_names_the_file_that_may_not_be_read(source, tmp_path, monkeypatch):
    def forbidden(path, *given, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", forbidden)
    message = (
        f"{tmp_path}/a/1.png cannot be read as an image: Permission denied. Replace or remove it."
    )
    with refused(message):
        source[0]


def test_changes_its_fingerprint_with_a_file(source, tmp_path):
    before = source.fingerprint()
    (tmp_path / NAMES[1]).write_bytes(made_images.png(made_images.draw(8, 8, 9)))
    assert source.fingerprint() != before


def test_counts_problems_and_lists_the_first_ten():
    check_none("bad files", pathlib.Path("/data"), [], "Mend them.")
    with refused("/data: bad files (2): a; b. Mend them."):
        check_none("bad files", pathlib.Path("/data"), ["a", "b"], "Mend them.")
    problems = [str(i) for i in range(123_456)]
    listed = "0; 1; 2; 3; 4; 5; 6; 7; 8; 9; and 123,446 more"
    with refused(f"/data: bad files (123,456): {listed}. Mend them."):
        check_none("bad files", pathlib.Path("/data"), problems, "Mend them.")
