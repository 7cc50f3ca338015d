"""JPEGs decoded together are those decoded one by one."""

import random

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data.decoding import decode_windows
from coarse2fine.data.image_header import read_image_header
from coarse2fine.data.jpeg_batch import decode_jpegs
from coarse2fine.data.views import CenterCrop, RandomCrop, RandomResizedCrop

SIZES = [(40, 60), (61, 33), (7, 9), (32, 32), (200, 31)]


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
    together = decode_jpegs(encoded, headers, windows, 24, channels)
    one_by_one = [
        decode_windows(image, header, [window], 24, channels)[0]
        for image, header, window in zip(encoded, headers, windows, strict=True)
    ]
    assert together.dtype == np.uint8
    np.testing.assert_array_equal(together, one_by_one)


def test_a_damaged_one_is_an_error_of_all():
    images = [encode(30, 30, seed) for seed in range(3)]
    headers = [read_image_header(image) for image in images]
    windows = [CenterCrop(24, 28).windows(30, 30, random.Random())[0]] * 3
    images[1] = images[1][: len(images[1]) // 2]
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_jpegs(images, headers, windows, 24)
