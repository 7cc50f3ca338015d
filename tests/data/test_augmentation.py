import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import Schedule
from coarse2fine.data.augmentation import AUGMENTATIONS, crop_flip


def make_images(batch=32, height=6, width=5):
    # No pixel is zero, so that padding is told from picture.
    size = batch * height * width * 3
    return np.arange(1, size + 1, dtype=np.float32).reshape(batch, height, width, 3)


def one_image_at_a_time(images, rows, columns, mirrored, pad):
    """The definition: pad, cut out, turn over."""
    result = []
    for image, row, column, flip in zip(images, rows, columns, mirrored, strict=True):
        padded = np.pad(image, [(pad, pad), (pad, pad), (0, 0)])
        cut = padded[row : row + image.shape[0], column : column + image.shape[1]]
        result.append(cut[:, ::-1] if flip else cut)
    return np.stack(result)


@pytest.mark.parametrize("pad", [0, 1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_crop_flip_equals_a_loop_over_images(pad, seed):
    images = make_images()
    rng = np.random.default_rng(seed)
    numbers = {}

    def random_integers(draw, count):
        numbers[draw] = rng.integers(0, count, len(images))
        return tf.constant(numbers[draw], tf.int64)

    result = crop_flip(tf.constant(images), random_integers, pad)
    expected = one_image_at_a_time(images, numbers[0], numbers[1], numbers[2], pad)
    np.testing.assert_array_equal(result, expected)


def test_crop_flip_reaches_every_place_and_both_sides():
    places = tf.range(3000, dtype=tf.int64)
    drawn = Schedule(10, 10, 4, seed=0)
    numbers = {}

    def random_integers(draw, count):
        numbers[draw] = drawn.random_integers(places, draw, count).numpy()
        return tf.constant(numbers[draw])

    crop_flip(tf.constant(make_images(3000, 2, 2)), random_integers, pad=4)
    assert len(set(zip(*numbers.values(), strict=True))) == 9 * 9 * 2
    assert abs(numbers[2].mean() - 0.5) < 4.5 * 0.5 / np.sqrt(3000)


def test_crop_flip_in_a_graph_equals_eager():
    drawn = Schedule(10, 10, 32, seed=0)

    def augmented(images, step):
        places = drawn.places(step)
        return crop_flip(images, lambda draw, count: drawn.random_integers(places, draw, count))

    arguments = tf.constant(make_images()), tf.constant(7, tf.int64)
    np.testing.assert_array_equal(augmented(*arguments), tf.function(augmented)(*arguments))


def test_none_changes_nothing_and_draws_nothing():
    images = tf.constant(make_images())
    assert AUGMENTATIONS["none"](images, None) is images
