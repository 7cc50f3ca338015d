"""Images that are decoded when they are read: order, views, seeds, and those that are bad."""

import random
import re
import threading
import time

import made_images
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import EncodedSource, evaluation_batches
from coarse2fine.data.decoding import decode_windows
from coarse2fine.data.image_header import read_image_header
from coarse2fine.data.views import CenterCrop, RandomCrop, RandomResizedCrop, TenCrop
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy

TAXONOMY = Taxonomy(("a", "b"), ("x",), (0, 0))
SIZES = [(20, 30), (40, 21), (16, 16), (33, 50), (64, 20)]
ENCODED = tuple(
    (made_images.jpeg, made_images.png)[i % 2](made_images.draw(*size, seed=i))
    for i, size in enumerate(SIZES)
)
VIEW = CenterCrop(12, 14)
MISSING = FileNotFoundError(2, "No such file or directory", "image 1")


class MemorySource(EncodedSource):
    """Images that are given as bytes, or as the error that reading them raises."""

    def __init__(self, contents=ENCODED, channels=3):
        ids = [f"image {i}" for i in range(len(contents))]
        super().__init__(TAXONOMY, np.zeros(len(ids)), ids, VIEW, channels=channels)
        self.contents = contents

    def encoded(self, index):
        if isinstance(self.contents[index], Exception):
            raise self.contents[index]
        return self.contents[index]


def with_bad(**contents):
    """A source whose images of these places are others."""
    return MemorySource([contents.get(f"at_{i}", encoded) for i, encoded in enumerate(ENCODED)])


def expected(index, view=VIEW, seed=0):
    header = read_image_header(ENCODED[index])
    windows = view.windows(header.height, header.width, random.Random(seed))
    return decode_windows(ENCODED[index], header, windows, view.size)


def numbers(*values):
    return tf.constant(values, tf.int64)


def bad(index, reason):
    return f"image {index} cannot be read as an image: {reason}. Replace or remove it."


def check_refused(message, function, *args):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        function(*args)


class TestImages:
    def test_are_seen_through_the_sources_view_in_any_order(self):
        source = MemorySource()
        images = source.images(numbers(3, 0, 3)).numpy()
        np.testing.assert_array_equal(images, np.concatenate([expected(i) for i in (3, 0, 3)]))
        assert source.image_shape == (12, 12, 3)
        np.testing.assert_array_equal(source[4]["image"], expected(4)[0])

    def test_of_other_views_have_their_size_and_windows(self):
        images = MemorySource().images(numbers(2, 1), TenCrop(9, 10)).numpy()
        ten = [expected(i, TenCrop(9, 10)) for i in (2, 1)]
        assert images.shape == (20, 9, 9, 3)
        np.testing.assert_array_equal(images, np.concatenate(ten))

    @pytest.mark.parametrize("view", [RandomCrop(12, 20), RandomResizedCrop(12)])
    def test_depend_on_their_seed_alone(self, view):
        source = MemorySource()
        images = source.images(numbers(3, 0, 3, 3), view, numbers(7, 7, 8, 7)).numpy()
        drawn = [expected(i, view, seed)[0] for i, seed in [(3, 7), (0, 7), (3, 8), (3, 7)]]
        np.testing.assert_array_equal(images, drawn)
        assert (images[0] != images[2]).any()

    def test_may_be_none(self):
        assert MemorySource().images(numbers()).shape == (0, 12, 12, 3)

    def test_may_be_grey(self):
        images = MemorySource(channels=1).images(numbers(0, 1))
        assert images.shape == (2, 12, 12, 1)

    @pytest.mark.parametrize("view", [None, TenCrop(9, 10), RandomCrop(12, 20)])
    def test_in_a_graph_are_those_outside(self, view):
        source = MemorySource()
        indices = numbers(*[random.Random(i).randrange(5) for i in range(12)])

        def read(step):
            chosen = tf.gather(indices, [2 * step, 2 * step + 1])
            return source.images(chosen, view, chosen + step)

        dataset = tf.data.Dataset.range(6).map(read, num_parallel_calls=2)
        assert dataset.element_spec.shape == (
            (20, 9, 9, 3) if view == TenCrop(9, 10) else (2, 12, 12, 3)
        )
        for step, images in enumerate(dataset):
            np.testing.assert_array_equal(images, read(tf.constant(step, tf.int64)))


class TestBadImages:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "it is empty"),
            (b"not an image", "it is no JPEG, PNG, GIF or BMP image"),
            (ENCODED[1][:-30], "its PNG data is damaged or cut off"),
            (ENCODED[0][:-30], "its JPEG data is cut off"),
            (MISSING, "No such file or directory"),
        ],
    )
    def test_are_named_with_the_reason(self, content, reason):
        source = with_bad(at_1=content)
        check_refused(bad(1, reason), source.images, numbers(0, 1))
        check_refused(bad(1, reason), source.__getitem__, 1)
        np.testing.assert_array_equal(source.images(numbers(0)), expected(0))

    @pytest.mark.parametrize("content", [b"", ENCODED[1][:-30], ENCODED[0][:-30], MISSING])
    def test_are_not_decodable(self, content):
        source = with_bad(at_1=content)
        assert [source.is_decodable(i) for i in range(5)] == [True, False, True, True, True]

    def test_of_four_colours_are_such_where_images_are_grey(self):
        cmyk = made_images.with_pillow(made_images.draw(20, 30), "JPEG", "CMYK")[0]
        assert MemorySource([cmyk]).is_decodable(0)
        source = MemorySource([cmyk], channels=1)
        assert not source.is_decodable(0)
        message = bad(0, "its JPEG data is damaged or cut off")
        check_refused(message, source.images, numbers(0))

    def test_are_named_where_a_graph_reads(self):
        source = with_bad(at_4=b"")
        dataset = tf.data.Dataset.range(5).batch(1).map(source.images, num_parallel_calls=2)

        def read():
            with source.reading():
                list(dataset)

        check_refused(bad(4, "it is empty"), read)

    def test_are_each_named_by_the_error_of_their_batch(self):
        source = with_bad(at_1=b"", at_3=b"")
        for first, index in ((0, 1), (3, 3), (0, 1)):
            dataset = (
                tf.data.Dataset.range(first, 5)
                .batch(1)
                .map(source.images, num_parallel_calls=5, deterministic=True)
            )

            def read(dataset=dataset):
                with source.reading():
                    list(dataset)

            check_refused(bad(index, "it is empty"), read)

    def test_are_not_blamed_for_what_fails_later(self):
        source = with_bad(at_1=b"")

        def read_with_other_error():
            with source.reading():
                check_refused(bad(1, "it is empty"), source.images, numbers(1))
                tf.reshape(source.images(numbers(0)), (7,))

        for _ in range(2):
            with pytest.raises(tf.errors.InvalidArgumentError, match="reshape"):
                read_with_other_error()

    def test_are_named_where_one_reading_lies_in_another(self):
        source = with_bad(at_4=b"")
        dataset = tf.data.Dataset.range(5).batch(1).map(source.images, num_parallel_calls=5)

        def read():
            with source.reading():
                for _ in dataset:
                    next(source.chunks(np.array([0])))

        check_refused(bad(4, "it is empty"), read)

    def test_are_replaced_by_others(self):
        source = with_bad(at_1=b"", at_2=b"?")
        asked = []

        def following(index, reason):
            asked.append((index, reason))
            return index + 1

        source.replace = following
        view = RandomCrop(12, 20)
        images = source.images(numbers(0, 1, 2), view, numbers(5, 6, 7)).numpy()
        shown = [expected(i, view, seed)[0] for i, seed in [(0, 5), (3, 6), (3, 7)]]
        np.testing.assert_array_equal(images, shown)
        nothing, unknown = "it is empty", "it is no JPEG, PNG, GIF or BMP image"
        assert asked == [(1, nothing), (2, unknown), (2, unknown)]

    def test_are_replaced_one_after_the_other(self):
        source = MemorySource([ENCODED[0], *[b""] * 30])
        inside = threading.Lock()

        def always_first(index, reason):
            assert inside.acquire(blocking=False)
            time.sleep(0.002)  # So that the other of two calls would come in between.
            inside.release()
            return 0

        source.replace = always_first
        dataset = tf.data.Dataset.range(1, 31).batch(1).map(source.images, num_parallel_calls=2)
        for images in dataset:
            np.testing.assert_array_equal(images, expected(0))

    def test_stop_where_there_are_no_others(self):
        source = with_bad(at_1=b"")

        def none_left(index, reason):
            raise InputError(f"No other than {index}: {reason}.")

        source.replace = none_left
        check_refused("No other than 1: it is empty.", source.images, numbers(1))
        dataset = tf.data.Dataset.range(5).batch(1).map(source.images)

        def read():
            with source.reading():
                list(dataset)

        check_refused("No other than 1: it is empty.", read)


def in_graph(source, view=None, indices=range(5), seed=0):
    """What `images_in_graph` reads at these places, with seeds that follow from these."""
    places = numbers(*indices)
    return tf.function(lambda: source.images_in_graph(places, view, places + seed))().numpy()


class TestInAGraph:
    @pytest.mark.parametrize("view", [VIEW, RandomCrop(12, 20), RandomResizedCrop(12)])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_images_are_those_outside(self, view, channels):
        source = MemorySource(channels=channels)
        assert source.decodes_in_graph(view)
        images = in_graph(source, view, [3, 0, 1, 3, 2, 4], seed=7)
        places = numbers(3, 0, 1, 3, 2, 4)
        np.testing.assert_array_equal(images, source.images(places, view, places + 7))

    def test_only_other_kinds_and_known_bad_images_are_decoded_outside(self, monkeypatch):
        source, decoded = with_bad(at_2=b""), []
        decode = source._decode
        monkeypatch.setattr(
            source, "_decode", lambda index, *given: decoded.append(index) or decode(index, *given)
        )
        source.replace = lambda index, reason: 4
        images = in_graph(source)
        assert decoded == [1, 2, 4, 3]  # The PNGs, and the bad one with its replacement.
        np.testing.assert_array_equal(
            images, np.concatenate([expected(i) for i in (0, 1, 4, 3, 4)])
        )

    def test_a_damaged_jpeg_is_an_error_until_it_is_known(self):
        damaged = ENCODED[2][:200] + b"\xff\xd9"
        source = with_bad(at_2=damaged)
        source.replace = lambda index, reason: 4
        with pytest.raises(tf.errors.InvalidArgumentError):
            in_graph(source)
        together = source.images(numbers(0, 1, 2, 3, 4))
        np.testing.assert_array_equal(together[2], expected(4)[0])
        np.testing.assert_array_equal(in_graph(source), together)

    def test_several_windows_are_not_decoded(self):
        assert not MemorySource().decodes_in_graph(TenCrop(9, 10))


class TestInBatches:
    DAMAGED = ENCODED[2][:200] + b"\xff\xd9"

    def images(self, source):
        batches = evaluation_batches(source, np.arange(5), 5, lambda images: images)
        with source.reading():
            return [images for images, *_ in batches.as_numpy_iterator()]

    def test_images_are_those_outside(self):
        (images,) = self.images(MemorySource())
        np.testing.assert_array_equal(images, np.concatenate([expected(i) for i in range(5)]))

    def test_a_damaged_jpeg_is_named(self):
        message = bad(2, "its JPEG data is damaged or cut off")
        check_refused(message, self.images, with_bad(at_2=self.DAMAGED))

    def test_a_damaged_jpeg_is_replaced_alone_and_costs_its_part_a_second_reading_once(
        self, monkeypatch
    ):
        source, reads = with_bad(at_2=self.DAMAGED), []
        read = source._read
        monkeypatch.setattr(source, "_read", lambda *given: reads.append(1) or read(*given))
        source.replace = lambda index, reason: 4
        for _ in range(2):
            (images,) = self.images(source)
            shown = [expected(i) for i in (0, 1, 4, 3, 4)]
            np.testing.assert_array_equal(images, np.concatenate(shown))
        assert len(reads) == 1

    def test_another_error_is_as_it_was(self):
        def preprocess(images):
            return tf.debugging.check_numerics(tf.math.log(-tf.cast(images, tf.float32)), "odd")

        batches = evaluation_batches(MemorySource(), np.arange(5), 5, preprocess)
        with pytest.raises(tf.errors.InvalidArgumentError, match="odd"):
            list(batches)


class TestFingerprint:
    def test_is_of_the_encoded_bytes_whatever_the_view(self):
        source, other = MemorySource(), with_bad(at_3=ENCODED[3] + b"\0")
        other.view = CenterCrop(12, 12)
        assert source.fingerprint() != other.fingerprint()
        other.contents = ENCODED
        assert source.fingerprint() == other.fingerprint()

    def test_takes_bytes_that_cannot_be_read_for_none(self):
        source = with_bad(at_1=MISSING)
        assert source.fingerprint() == with_bad(at_1=b"").fingerprint()
        assert source.fingerprint() != MemorySource().fingerprint()


def test_other_fine_labels_leave_the_images():
    source = MemorySource().with_fine([1, -1, 0, 1, 1])
    np.testing.assert_array_equal(source.images(numbers(2)), expected(2))
    assert source[1]["fine"] == -1
