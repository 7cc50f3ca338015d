"""What a served graph shows of images of any size."""

import random
import resource

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data.decoding import decode_view
from coarse2fine.data.views import CenterCrop
from coarse2fine.serving import _center_crops

SIZES = [(36, 36), (37, 80), (81, 35), (200, 150), (9, 7), (1, 1), (1, 300), (500, 3)]
VIEWS = [CenterCrop(8, 9), CenterCrop(32, 36), CenterCrop(9, 9), CenterCrop(1, 40)]


def crop_in_a_graph(image, view):
    crop = tf.function(lambda images: tf.round(_center_crops(images, view)))
    spec = tf.TensorSpec((None, None, None, 3), tf.uint8)
    return crop.get_concrete_function(spec)(tf.constant(image[np.newaxis]))[0].numpy()


@pytest.mark.parametrize("view", VIEWS)
def test_the_middle_is_what_evaluation_sees_of_the_file(view):
    rng = np.random.default_rng(0)
    for height, width in SIZES:
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        file = tf.io.encode_png(image).numpy()
        expected = decode_view(file, view, random.Random(0))[0]
        np.testing.assert_allclose(crop_in_a_graph(image, view), expected, atol=1)


def test_a_very_long_image_takes_no_memory_of_its_own_resized_size():
    view = CenterCrop(224, 256)
    crop_in_a_graph(np.zeros((300, 300, 3), np.uint8), view)  # What TensorFlow starts with.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Resized whole it would take 256 x 15,360,000 x 3 float32 values, 47 GB.
    crop_in_a_graph(np.zeros((1, 60_000, 3), np.uint8), view)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 2**10
