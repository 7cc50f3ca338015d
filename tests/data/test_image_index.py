"""The index of a folder of images: what it remembers, what it notices, and what it cannot harm."""

import concurrent.futures
import dataclasses
import os
import pathlib
import re
import time

import numpy as np
import pytest

from coarse2fine.data import image_index
from coarse2fine.data.image_folder import read_image_folder
from coarse2fine.data.image_index import find_images, index_file
from coarse2fine.data.image_tree import scan_images
from coarse2fine.errors import InputError

pytestmark = pytest.mark.usefixtures("later")

NAMES = (
    "train/cat/tabby/1.jpg",
    "train/cat/tabby/two\nlines.png",
    "train/cat/3.jpg",
    "train/dog/\u732b \u00e9/4.JPEG",
    "test/cat/tabby/5.bmp",
    "test/dog/\u732b \u00e9/6.gif",
)


def at_rest(root):
    """Gives every folder a time long ago, as if nothing had changed since."""
    for folder in (root, *root.rglob("*/")):
        os.utime(folder, ns=(10**18, 10**18))
    return root


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "images"
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    (root / "train/dog/pug").symlink_to("../cat/tabby")
    (root / "train/dog/akita").mkdir()
    return at_rest(root)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache" / "below"


def content(tree):
    return {**vars(tree), "folder_of_path": tree.folder_of_path.tolist()}


@pytest.fixture
def scans(monkeypatch):
    """The folders scanned so far."""
    scanned = []

    def scan(root, check_sizes):
        scanned.append(root)
        return scan_images(root, check_sizes)

    monkeypatch.setattr(image_index, "scan_images", scan)
    return scanned


def test_a_second_start_finds_the_same_without_a_scan(root, cache, scans):
    first, second = (find_images(root, True, cache) for _ in range(2))
    assert scans == [root]
    assert content(first) == content(second) == content(scan_images(root))
    assert {path for path in second.paths if "pug" not in path} == set(NAMES)
    assert [file.name for file in cache.iterdir()] == [index_file(root, True, cache).name]
    tables = [dataclasses.asdict(read_image_folder(root, cache_dir=c)) for c in (None, cache)]
    for name, values in tables[0].items():
        np.testing.assert_array_equal(values, tables[1][name], err_msg=name)


def test_without_a_folder_for_it_there_is_no_index(root, scans):
    assert content(find_images(root)) == content(scan_images(root))
    assert scans == [root]


def test_each_folder_has_its_own_and_so_has_what_is_checked(root, cache, scans, tmp_path):
    (tmp_path / "other/a/b").mkdir(parents=True)
    (tmp_path / "other/a/b/0.jpg").touch()
    other = at_rest(tmp_path / "other")
    for _ in range(2):
        assert find_images(other, False, cache).paths == ["a/b/0.jpg"]
        assert len(find_images(root, False, cache).paths) == len(NAMES) + 2
        with pytest.raises(InputError, match="empty files"):
            find_images(other, True, cache)
    assert scans == [other, root, other, other]


def test_a_folder_is_known_from_wherever_it_is_named(root, cache, scans, monkeypatch):
    find_images(root, True, cache)
    monkeypatch.chdir(root.parent)
    assert find_images(pathlib.Path("images"), True, cache).root == pathlib.Path("images")
    assert scans == [root]


def _swap(root):
    """Another folder of the same name, entries' names and times takes the place of one."""
    old, new = root / "train/dog/\u732b \u00e9", root / "train/dog/new"
    new.mkdir()
    (new / "7.jpg").write_bytes(b"x")
    old.rename(root.parent / "gone")
    new.rename(old)
    at_rest(root)


def _add_and_set_the_time_back(root):
    (root / "train/cat/tabby/0.jpg").write_bytes(b"x")
    at_rest(root)


CHANGES = {
    "a file added": lambda root: (root / "train/cat/9.jpg").write_bytes(b"x"),
    "a file removed": lambda root: (root / NAMES[1]).unlink(),
    "a file renamed": lambda root: (root / NAMES[0]).rename(root / "train/cat/tabby/0.jpg"),
    "a folder added": lambda root: (root / "test/cat/new").mkdir(),
    "an empty folder removed": lambda root: (root / "train/dog/akita").rmdir(),
    "a folder renamed": lambda root: (root / "train/dog/akita").rename(root / "train/dog/husky"),
    "a folder exchanged": _swap,
    "a time set back": _add_and_set_the_time_back,
    "a link changed": lambda root: (root / "train/dog/pug").rename(root / "train/dog/puggle"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_notices(root, cache, scans, change):
    before = find_images(root, True, cache)
    time.sleep(0.02)  # More than a tick of the clock that files are dated by.
    change(root)
    after = find_images(root, True, cache)
    assert scans == [root, root]
    assert content(after) == content(scan_images(root)) != content(before)


def test_what_is_wrong_is_found_again_each_time(root, cache, scans):
    (root / "train/cat/tabby/notes.txt").write_bytes(b"x")
    at_rest(root)
    for _ in range(2):
        with pytest.raises(InputError, match="files that are no images by their names"):
            find_images(root, True, cache)
    assert scans == [root, root]
    assert not cache.exists()


def test_a_file_emptied_in_place_is_not_seen(root, cache):
    find_images(root, True, cache)
    (root / NAMES[0]).write_bytes(b"")
    assert NAMES[0] in find_images(root, True, cache).paths


class Clock:
    """A clock that only a scan moves, by so many seconds; from ten seconds after the files'."""

    def __init__(self, monkeypatch, scan_takes=0.0):
        self.now_ns = time.time_ns()
        monkeypatch.setattr("time.time_ns", lambda: self.now_ns)
        scan = image_index.scan_images

        def scan_slowly(root, check_sizes):
            tree = scan(root, check_sizes)
            self.now_ns += round(scan_takes * 1e9)
            return tree

        monkeypatch.setattr(image_index, "scan_images", scan_slowly)


@pytest.mark.parametrize(
    ("seconds", "is_trusted"),
    [(-2.1, True), (-1.9, False), (9, False), (21.9, False), (22.1, True), (10**6, True)],
)
def test_a_folder_that_changes_around_its_scan_is_not_trusted(
    root, cache, scans, monkeypatch, seconds, is_trusted
):
    started = Clock(monkeypatch, scan_takes=20).now_ns
    changed = started + round(seconds * 1e9)
    os.utime(root / "test/dog", ns=(changed, changed))
    find_images(root, True, cache)
    assert index_file(root, True, cache).exists() == is_trusted
    monkeypatch.setattr("time.time_ns", lambda: changed + 10**12)
    find_images(root, True, cache)
    assert len(scans) == (1 if is_trusted else 2)


def test_a_folder_whose_time_was_set_back_just_now_is_not_trusted(root, cache, monkeypatch):
    clock = Clock(monkeypatch)
    changed = (root / "test/dog").stat().st_ctime_ns
    for seconds, is_trusted in ((1.9, False), (2.1, True)):
        clock.now_ns = changed + round(seconds * 1e9)
        find_images(root, True, cache)
        assert index_file(root, True, cache).exists() == is_trusted


class TestDamaged:
    @pytest.fixture
    def index(self, root, cache):
        find_images(root, True, cache)
        return index_file(root, True, cache)

    def check(self, root, cache, index, content_of_file):
        """An index with this content does no harm, and is written anew."""
        whole = index.read_bytes()
        index.write_bytes(content_of_file)
        assert content(find_images(root, True, cache)) == content(scan_images(root))
        index.write_bytes(whole)

    def test_cut_off_anywhere(self, root, cache, index):
        whole = index.read_bytes()
        for length in range(0, len(whole), 17):
            self.check(root, cache, index, whole[:length])

    def test_bytes_changed_anywhere(self, root, cache, index):
        whole = index.read_bytes()
        for place in range(0, len(whole), 7):
            damaged = bytearray(whole)
            damaged[place] ^= 0xFF
            self.check(root, cache, index, bytes(damaged))

    def test_something_else(self, root, cache, index):
        for other in (b"", b"x" * 500, b"PK\3\4" + bytes(100)):
            self.check(root, cache, index, other)

    def test_is_written_anew(self, root, cache, index, scans):
        whole = index.read_bytes()
        index.write_bytes(whole[:-30])
        for _ in range(2):
            find_images(root, True, cache)
        assert scans == [root]
        assert [*cache.iterdir()] == [index]


def test_many_may_write_it_at_once(root, cache):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        trees = list(pool.map(lambda _: find_images(root, True, cache), range(40)))
    assert all(content(tree) == content(trees[0]) for tree in trees)
    assert [*cache.iterdir()] == [index_file(root, True, cache)]


@pytest.mark.parametrize("below", ["", "train", ".hidden", "new/folder"])
def test_a_cache_within_the_images_is_refused(root, below):
    message = (
        f"cache_dir {root / below} lies in the folder of images, {root}, whose folders are "
        "classes. Use a folder outside of it."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        find_images(root, True, root / below)


def test_a_cache_that_cannot_be_written_is_named(root, tmp_path):
    (tmp_path / "file").touch()
    message = f"{tmp_path / 'file'} cannot be written: File exists."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        find_images(root, True, tmp_path / "file")
