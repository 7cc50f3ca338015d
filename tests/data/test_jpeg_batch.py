"""JPEGs decoded in a graph are those decoded outside."""

import random

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data.decoding import decode_windows
from coarse2fine.data.image_header import read_image_header
from coarse2fine.data.jpeg_batch import TYPES, JpegPart, columns_of, decode_jpeg
from coarse2fine.data.views import CenterCrop, RandomCrop, RandomResizedCrop

SIZES = [(40, 60), (61, 33), (7, 9), (32, 32), (200, 31)]


def graph_of(size, channels):
    def graph(*row):
        return decode_jpeg([*map(tf.convert_to_tensor, row)], size, channels)

    return tf.function(graph, autograph=False)


def encode(height, width, seed, channels=3):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, channels)).astype(np.uint8)
    return tf.io.encode_jpeg(image).numpy()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("view", [CenterCrop(24, 28), RandomCrop(24, 28), RandomResizedCrop(24)])
def test_pixels_are_those_of_one_by_one(view, channels):
    rng = random.Random(0)
    # Colour as grey, grey as colour, and neither.
    encoded = [
        encode(*size, seed, channels=(1, 3)[seed % 2])
        for seed, size in enumerate(size for size in SIZES for _ in range(4))
    ]
    headers = [read_image_header(image) for image in encoded]
    windows = [view.windows(header.height, header.width, rng)[0] for header in headers]
    assert len({window.is_mirrored for window in windows}) == (
        1 if view == CenterCrop(24, 28) else 2
    )
    parts = [JpegPart.of(*given, size=24) for given in zip(encoded, headers, windows, strict=True)]
    columns = columns_of(parts)
    together = [graph_of(24, channels)(*row) for row in zip(*columns, strict=True)]
    one_by_one = [
        decode_windows(image, header, [window], 24, channels)[0]
        for image, header, window in zip(encoded, headers, windows, strict=True)
    ]
    assert together[0].dtype == np.uint8
    np.testing.assert_array_equal(together, one_by_one)


def test_columns_have_a_row_for_what_is_no_part():
    image = encode(30, 30, 0)
    (window,) = RandomCrop(24, 28).windows(30, 30, random.Random(3))
    part = JpegPart.of(image, read_image_header(image), window, 24)
    columns = columns_of([None, part, None])
    assert [column.dtype for column in columns] == [kind.as_numpy_dtype for kind in TYPES]
    assert [len(column) for column in columns] == [3] * 5
    (alone,) = zip(*columns_of([part]), strict=True)
    for column, value in zip(columns, alone, strict=True):
        np.testing.assert_array_equal(column[1], value)


def test_a_damaged_one_is_an_error_of_the_graph():
    image = encode(30, 30, 0)
    (window,) = CenterCrop(24, 28).windows(30, 30, random.Random())
    part = JpegPart.of(image[: len(image) // 2], read_image_header(image), window, 24)
    with pytest.raises(tf.errors.InvalidArgumentError):
        graph_of(24, 3)(*next(zip(*columns_of([part]), strict=True)))
