"""Decoded images in files: the pixels, what is decoded again, and what cannot be kept."""

import concurrent.futures
import os
import pathlib
import re
import time

import made_images
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import EncodedSource
from coarse2fine.data.decoded_cache import DecodedCache
from coarse2fine.data.file_source import FileSource
from coarse2fine.data.views import CenterCrop, RandomCrop, RandomResizedCrop, TenCrop
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy

pytestmark = pytest.mark.usefixtures("later")

TAXONOMY = Taxonomy(("a",), ("x",), (0,))
VIEW = CenterCrop(12, 14)
VIEWS = [VIEW, TenCrop(9, 14), RandomCrop(14, 14), RandomCrop(5, 14)]
LONG_AGO = 10**18


def encoded_images():
    """Images of every kind, by file name."""
    images = [made_images.draw(*size, seed=i) for i, size in enumerate([(33, 50), (41, 17)])]
    grey = images[0][..., :1]
    return {
        "odd.jpg": made_images.jpeg(images[0]),
        "tall.jpg": made_images.jpeg(images[1], quality=60),
        "one pixel high.jpg": made_images.jpeg(made_images.draw(1, 8)),
        "of the cache's size.jpg": made_images.jpeg(made_images.draw(14, 20)),
        "large.jpg": made_images.jpeg(made_images.draw(210, 301)),
        "grey.jpg": tf.io.encode_jpeg(grey, format="grayscale").numpy(),
        "cmyk.jpg": made_images.with_pillow(images[0], "JPEG", "CMYK")[0],
        "colours.png": made_images.png(images[1]),
        "grey 16 bits.png": tf.io.encode_png(grey.astype(np.uint16) * 200).numpy(),
        "\u732b\n.bmp": made_images.bmp(images[1]),
        "frame.gif": made_images.gif(made_images.gif_frame(6, 9, 1), screen=(6, 9)),
    }


@pytest.fixture(scope="module")
def encoded():
    return encoded_images()


@pytest.fixture
def folder(tmp_path, encoded):
    """The images in files that have not changed for long."""
    for name, content in encoded.items():
        write(tmp_path / "images" / name, content)
    return tmp_path / "images"


def write(path, content, changed_ns=LONG_AGO):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(changed_ns, changed_ns))


def make_source(folder, cache_dir=None, channels=3, view=VIEW):
    names = sorted(os.listdir(folder))
    labels = [0] * len(names)
    source = FileSource(folder, np.array(names, object), TAXONOMY, labels, labels, view)
    source.image_shape = (*source.image_shape[:2], channels)
    if cache_dir is not None:
        source.cache = DecodedCache(cache_dir, view.shorter_side, channels)
    return source


def read(source, view=None, first_seed=0):
    indices = tf.range(len(source), dtype=tf.int64)
    return source.images(indices, view, indices + first_seed).numpy()


def files_of(cache_dir):
    return sorted(path for path in cache_dir.rglob("*") if path.is_file())


@pytest.fixture
def no_reading(monkeypatch):
    """Makes the reading of an image's bytes an error from when it is called on."""

    def forbid():
        def forbidden(self, index):
            raise AssertionError(f"image {index} is read")

        monkeypatch.setattr(FileSource, "encoded", forbidden)

    return forbid


def refused(message):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("view", VIEWS)
def test_pixels_are_within_a_level_of_those_without(folder, tmp_path, view, channels):
    if channels == 1:
        (folder / "cmyk.jpg").unlink()  # Which TensorFlow makes no grey image of.
    cached = make_source(folder, tmp_path / "cache", channels)
    for seed in (0, 100):
        expected = read(make_source(folder, None, channels), view, seed).astype(int)
        for _ in range(2):
            images = read(cached, view, seed)
            assert images.dtype == np.uint8
            assert np.abs(images - expected).max() <= 1
    assert len(files_of(tmp_path / "cache")) == len(cached)


def test_a_second_pass_reads_no_image_file_whatever_the_crop(folder, tmp_path, no_reading):
    source = make_source(folder, tmp_path / "cache")
    first = read(source)
    no_reading()
    for again in (source, make_source(folder, tmp_path / "cache", view=CenterCrop(12, 14))):
        np.testing.assert_array_equal(read(again), first)
        np.testing.assert_array_equal(read(again, TenCrop(12, 14))[::10], first)
        for view in VIEWS:
            read(again, view)


def test_a_folder_is_the_same_however_it_is_named(folder, tmp_path, no_reading, monkeypatch):
    first = read(make_source(folder, tmp_path / "cache"))
    no_reading()
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(read(make_source("images", "cache")), first)


def test_sizes_and_channels_and_folders_of_one_name_do_not_meet(tmp_path):
    for folder, seed in (("one", 1), ("two", 2)):
        write(tmp_path / folder / "1.jpg", made_images.jpeg(made_images.draw(40, 40, seed)))
    for folder in ("one", "two"):
        for channels in (1, 3):
            for view in (CenterCrop(12, 14), CenterCrop(12, 20)):
                plain = read(make_source(tmp_path / folder, None, channels, view))
                for _ in range(2):
                    kept = read(make_source(tmp_path / folder, tmp_path / "c", channels, view))
                    np.testing.assert_allclose(kept, plain.astype(int), atol=1)
    assert len(files_of(tmp_path / "c")) == 8


def test_other_views_decode_each_time_and_keep_nothing(folder, tmp_path):
    source = make_source(folder, tmp_path / "cache")
    for view in (RandomResizedCrop(12), CenterCrop(12, 20)):
        np.testing.assert_array_equal(read(source, view), read(make_source(folder), view))
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(("width", "is_kept"), [(160, True), (161, False)])
def test_a_long_and_narrow_image_is_not_kept(tmp_path, width, is_kept):
    write(tmp_path / "images/1.png", made_images.png(made_images.draw(20, width)))
    source = make_source(tmp_path / "images", tmp_path / "cache")
    plain = read(make_source(tmp_path / "images")).astype(int)
    assert np.abs(read(source) - plain).max() <= is_kept
    assert (tmp_path / "cache").exists() == is_kept


class TestOneImage:
    @pytest.fixture
    def image(self, tmp_path):
        write(tmp_path / "images/1.bmp", made_images.bmp(made_images.draw(18, 14)))
        return tmp_path / "images/1.bmp"

    @pytest.fixture
    def source(self, image, tmp_path):
        return make_source(image.parent, tmp_path / "cache")

    @pytest.fixture
    def kept(self, source, tmp_path):
        """The file that the image is kept in."""
        read(source)
        (file,) = files_of(tmp_path / "cache")
        return file

    def test_is_decoded_again_where_its_file_was_cut_off_anywhere(self, source, kept):
        whole, image = kept.read_bytes(), read(source)
        lengths = {*range(0, 40), *range(0, len(whole), 41), *range(len(whole) - 8, len(whole))}
        for length in sorted(lengths):
            kept.write_bytes(whole[:length])
            np.testing.assert_array_equal(read(source), image)
            assert kept.read_bytes() == whole

    def test_is_decoded_again_where_its_file_is_damaged_anywhere(self, source, kept):
        whole, image = kept.read_bytes(), read(source)
        for place in {*range(0, 40), *range(40, len(whole), 31), len(whole) - 1}:
            damaged = bytearray(whole)
            damaged[place] ^= 1 << place % 8
            kept.write_bytes(damaged)
            np.testing.assert_array_equal(read(source), image)
            assert kept.read_bytes() == whole

    @pytest.mark.parametrize("other", [b"", b"text", bytes(4000)])
    def test_is_decoded_again_where_its_file_is_something_else(self, source, kept, other):
        whole, image = kept.read_bytes(), read(source)
        kept.write_bytes(other)
        np.testing.assert_array_equal(read(source), image)
        assert kept.read_bytes() == whole

    @pytest.mark.parametrize(
        ("size", "changed_ns"),
        [(0, LONG_AGO + 1), (0, LONG_AGO - 10**15), (3, LONG_AGO), (3, LONG_AGO + 1)],
    )
    def test_that_has_changed_is_decoded_again(self, source, kept, image, size, changed_ns):
        before, length = read(source), len(image.read_bytes())
        other = made_images.bmp(255 - made_images.draw(18, 14)[::-1])
        assert len(other) == length
        write(image, other + bytes(size), changed_ns)
        after = read(source)
        np.testing.assert_array_equal(after, read(make_source(image.parent)))
        assert (after != before).any()
        assert files_of(kept.parents[2]) == [kept]

    def test_that_has_changed_is_decoded_again_though_its_time_was_set_back(
        self, source, kept, image
    ):
        before = read(source)
        time.sleep(0.02)  # More than a tick of the clock that files are dated by.
        write(image, made_images.bmp(255 - made_images.draw(18, 14)[::-1]), LONG_AGO)
        after = read(source)
        np.testing.assert_array_equal(after, read(make_source(image.parent)))
        assert (after != before).any()

    def test_that_an_earlier_version_kept_is_decoded_again(self, source, kept):
        whole, image = kept.read_bytes(), read(source)
        kept.write_bytes(b"c2f1" + whole[4:])
        np.testing.assert_array_equal(read(source), image)
        assert kept.read_bytes() == whole

    @pytest.mark.parametrize(
        ("seconds", "is_kept"), [(0, False), (-1.5, False), (1.5, False), (-5, True), (5, True)]
    )
    def test_that_changed_just_now_is_not_kept_yet(
        self, image, source, tmp_path, monkeypatch, seconds, is_kept
    ):
        now = image.stat().st_ctime_ns + 10**12
        monkeypatch.setattr("time.time_ns", lambda: now)
        changed = now + round(seconds * 1e9)
        os.utime(image, ns=(changed, changed))
        for _ in range(2):
            read(source)
        assert (tmp_path / "cache").exists() == is_kept

    def test_whose_time_was_set_back_just_now_is_not_kept_yet(
        self, image, source, tmp_path, monkeypatch
    ):
        for seconds, is_kept in ((1.5, False), (2.5, True)):
            now = image.stat().st_ctime_ns + round(seconds * 1e9)
            monkeypatch.setattr("time.time_ns", lambda now=now: now)
            read(source)
            assert (tmp_path / "cache").exists() == is_kept

    def test_is_asked_for_where_its_file_is_gone(self, source, kept, image):
        image.unlink()
        with refused(
            f"{image} cannot be read as an image: No such file or directory. Replace or remove it."
        ):
            read(source)

    def test_may_be_written_by_many_at_once(self, source, kept):
        whole = kept.read_bytes()

        def read_after_loss(number):
            if number % 3 == 0:
                kept.unlink(missing_ok=True)
            return read(source)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            images = list(pool.map(read_after_loss, range(100)))
        for image in images:
            np.testing.assert_array_equal(image, images[0])
        read(source)
        assert files_of(kept.parents[2]) == [kept]
        assert kept.read_bytes() == whole

    def test_that_cannot_be_kept_is_no_bad_image(self, source, tmp_path, monkeypatch):
        def full(source, target):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.replace", full)
        source.replace = lambda index, reason: pytest.fail("the image is taken for a bad one")
        message = (
            rf"{re.escape(str(tmp_path))}/cache/images_14_3/\w\w/\w+\.pixels cannot be written: "
            r"No space left on device\. It would keep a decoded image: make room in "
            rf"{re.escape(str(tmp_path))}/cache/images_14_3, name another cache_dir, or leave "
            r"cache_images out\."
        )
        with pytest.raises(InputError, match=f"^{message}$"):
            read(source)
        assert files_of(tmp_path / "cache") == []

        def read_in_a_graph():
            with source.reading():
                list(tf.data.Dataset.range(1).batch(1).map(source.images))

        with pytest.raises(InputError, match=f"^{message}$"):
            read_in_a_graph()

    def test_cannot_be_kept_below_a_file(self, image):
        source = make_source(image.parent, image)
        with pytest.raises(InputError, match=r"cannot be written: Not a directory\. It would"):
            read(source)


class TestBadImages:
    @pytest.fixture
    def folder(self, tmp_path):
        write(tmp_path / "images/1.jpg", made_images.jpeg(made_images.draw(30, 20))[:-60])
        write(tmp_path / "images/2.jpg", made_images.jpeg(made_images.draw(30, 20)))
        return tmp_path / "images"

    def test_are_named_as_without_a_cache(self, folder, tmp_path):
        messages = []
        for cache_dir in (None, tmp_path / "cache"):
            with pytest.raises(InputError) as caught:
                read(make_source(folder, cache_dir))
            messages.append(str(caught.value))
        assert messages[0] == messages[1]
        assert messages[0].startswith(f"{folder}/1.jpg cannot be read as an image: its JPEG data")

    def test_are_replaced_and_not_kept(self, folder, tmp_path):
        source = make_source(folder, tmp_path / "cache")
        source.replace = lambda index, reason: 1
        for _ in range(2):
            images = read(source)
            np.testing.assert_array_equal(images[0], images[1])
        assert len(files_of(tmp_path / "cache")) == 1


def test_images_without_a_file_are_known_by_their_bytes(tmp_path, monkeypatch):
    class MemorySource(EncodedSource):
        def __init__(self, contents):
            ids = [f"image {i}" for i in range(len(contents))]
            super().__init__(TAXONOMY, np.zeros(len(ids)), ids, VIEW)
            self.contents = contents
            self.cache = DecodedCache(tmp_path, VIEW.shorter_side, 3)

        def encoded(self, index):
            return self.contents[index]

    contents = [made_images.png(made_images.draw(20, 30, seed)) for seed in range(3)]
    first = read(MemorySource(contents))
    monkeypatch.setattr(
        "coarse2fine.data.decoded_cache.decode_resized", lambda *given: pytest.fail("decoded")
    )
    np.testing.assert_array_equal(read(MemorySource(contents[::-1])), first[::-1])


def test_photographs_are_within_a_level_too(data_dir, tmp_path):
    paths = sorted(pathlib.Path(data_dir / "imagenet_sample/val").rglob("*.jpg"))[:40]
    if not paths:
        pytest.skip("the folder of real data has no imagenet_sample")
    for i, path in enumerate(paths):
        write(tmp_path / "images" / f"{i:03}.jpg", path.read_bytes())
    plain = make_source(tmp_path / "images", None, view=CenterCrop(112, 128))
    cached = make_source(tmp_path / "images", tmp_path / "cache", view=CenterCrop(112, 128))
    for view in (CenterCrop(112, 128), RandomCrop(96, 128)):
        for _ in range(2):
            assert np.abs(read(cached, view).astype(int) - read(plain, view)).max() <= 1
