"""What is seen of images one by one, and that the bad ones stop nothing."""

import os
import random
import struct
import threading

import made_images
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import EncodedSource, Source
from coarse2fine.data.survey import Failure, survey
from coarse2fine.data.views import CenterCrop, TenCrop
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy

TAXONOMY = Taxonomy(("a", "b"), ("x",), (0, 0))
VIEW = CenterCrop(12, 14)
JPEG = made_images.jpeg(made_images.draw(20, 30))
PNG = made_images.png(made_images.draw(16, 40))
BMP = made_images.bmp(made_images.draw(15, 18))
GIF = made_images.gif(made_images.gif_frame(17, 13, 1), screen=(17, 13))
BOMB = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + struct.pack(">II", 10**5, 10**5)

BAD = {
    "it is empty": b"",
    "it is no JPEG, PNG, GIF or BMP image": b"This is no image.\n",
    "its JPEG data is cut off": JPEG[: len(JPEG) // 2],
    "its header says 100000 x 100000 pixels, more than 100,000,000 in all": BOMB,
    "Permission denied": PermissionError(13, "Permission denied", "image 1"),
    "of some kind": RuntimeError("of\nsome kind"),  # As libraries that read records raise them.
    "MemoryError": MemoryError(),
}


class MemorySource(EncodedSource):
    """Images that are given as bytes, or as the error that reading them raises."""

    def __init__(self, contents):
        ids = [f"image {i}" for i in range(len(contents))]
        super().__init__(TAXONOMY, np.zeros(len(ids)), ids, VIEW)
        self.contents = contents
        self.num_read = 0

    def encoded(self, index):
        self.num_read += 1
        if isinstance(self.contents[index], Exception):
            raise self.contents[index]
        return self.contents[index]


class PlainSource(Source):
    """Images of one size, of which those at odd places cannot be read."""

    def __init__(self, count):
        super().__init__(TAXONOMY, np.zeros(count), [f"image {i}" for i in range(count)], (2, 2, 1))

    def images(self, indices):
        if indices[0] % 2:
            raise ValueError("odd")
        return tf.zeros((len(indices), 2, 2, 1), tf.uint8)


def all_of(source):
    return np.arange(len(source))


@pytest.mark.parametrize("decode", [False, True])
def test_kinds_and_sizes_are_those_of_the_images_asked_for(decode):
    source = MemorySource([JPEG, BMP, PNG, GIF, JPEG, PNG])
    found = survey(source, np.array([5, 0, 3, 1, 2]), decode)
    assert found.num_images == 5
    assert found.kinds == {"PNG": 2, "JPEG": 1, "GIF": 1, "BMP": 1}
    np.testing.assert_array_equal(found.heights, [16, 20, 17, 15, 16])
    np.testing.assert_array_equal(found.widths, [40, 30, 13, 18, 40])
    assert found.failures == ()
    assert source.num_read == 5


def test_every_bad_image_is_named_and_stops_no_other():
    source = MemorySource([PNG, *BAD.values(), JPEG])
    found = survey(source, all_of(source), decode=True)
    assert found.failures == tuple(
        Failure(f"image {i}", reason) for i, reason in enumerate(BAD, start=1)
    )
    np.testing.assert_array_equal(found.widths, [40, 30])


def test_reasons_are_those_that_training_ends_with():
    readable = [c for c in BAD.values() if not isinstance(c, RuntimeError | MemoryError)]
    source = MemorySource(readable)
    for index, failure in enumerate(survey(source, all_of(source), decode=True).failures):
        with pytest.raises(InputError) as error, source.reading():
            source.images(tf.constant([index], tf.int64))
        assert str(error.value) == (
            f"image {index} cannot be read as an image: {failure.reason}. Replace or remove it."
        )


@pytest.fixture
def cut_off():
    """A high JPEG that is cut off below the middle, with the marker of an end in a comment."""
    whole = made_images.jpeg(made_images.draw(400, 24))
    scan = whole.index(b"\xff\xda")
    return whole[:scan] + b"\xff\xfe\0\x04\xff\xd9" + whole[scan : int(len(whole) * 0.8)]


def test_damage_below_a_window_is_found_where_all_of_the_image_is_decoded(cut_off):
    source = MemorySource([cut_off])
    index = tf.constant([0], tf.int64)
    assert source.images(index).shape == (1, 12, 12, 3)
    assert survey(source, all_of(source)).failures == ()
    reason = "its JPEG data is damaged or cut off"
    with pytest.raises(InputError, match=f"^image 0 cannot be read as an image: {reason}"):
        source.images(index, TenCrop(12, 14))
    decoded = survey(source, all_of(source), decode=True)
    assert decoded.failures == (Failure("image 0", reason),)
    assert decoded.kinds == {"JPEG": 1}
    assert not source.is_decodable(0)


def test_data_that_stops_short_at_an_end_marker_is_not_found(cut_off):
    source = MemorySource([cut_off + b"\xff\xd9"])
    assert survey(source, all_of(source), decode=True).failures == ()


def test_no_image_is_replaced():
    source = MemorySource([b"", JPEG])
    source.replace = lambda index, reason: 1
    assert len(survey(source, all_of(source), decode=True).failures) == 1


def test_images_without_headers_are_read_as_they_are():
    found = survey(PlainSource(5), np.arange(5))
    assert found.failures == (Failure("image 1", "odd"), Failure("image 3", "odd"))
    assert found.kinds == {}
    assert len(found.heights) == 0


def test_little_is_read_ahead_of_what_is_reported():
    contents = random.Random(0).choices([JPEG, PNG, b""], k=700)
    source = MemorySource(contents)
    reported = []

    def show(done, total):
        reported.append((done, total))
        assert source.num_read == done

    found = survey(source, all_of(source), on_progress=show)
    assert [done for done, _ in reported] == [256, 512, 700]
    assert {total for _, total in reported} == {700}
    assert [f.image for f in found.failures] == [
        f"image {i}" for i, content in enumerate(contents) if not content
    ]


@pytest.mark.skipif(os.cpu_count() == 1, reason="one processor reads one image at a time")
def test_several_images_are_read_at_a_time():
    both = threading.Barrier(2)

    class Meeting(MemorySource):
        def encoded(self, index):
            both.wait(timeout=20)
            return super().encoded(index)

    source = Meeting([JPEG, PNG])
    assert survey(source, all_of(source)).failures == ()
