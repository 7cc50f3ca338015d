"""CutMix: which pixels are whose, and what the labels of either count."""

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data.cut_mix import cut_mix

BATCH = 600


def mixed(share, seed=0, height=12, width=20):
    """Whose each pixel is, `(batch, height, width)`, and the rows of labels and weights."""
    numbers = np.arange(BATCH)
    labels = {"fine": tf.constant(numbers), "coarse": tf.constant(numbers // 5)}
    weights = {
        "fine": tf.constant((numbers % 3 == 0).astype("float32")),
        "coarse": tf.ones(BATCH),
    }
    images = np.broadcast_to(numbers[:, None, None, None], (BATCH, height, width, 2))
    images, labels, weights = cut_mix(
        tf.constant(images.astype("float32")), labels, weights, share, make_seed(seed)
    )
    assert (images[..., 0] == images[..., 1]).numpy().all()
    to_numpy = tf.nest.map_structure(np.array, (labels, weights))
    return images[..., 0].numpy().astype(int), *to_numpy


def make_seed(seed):
    return tf.constant([7, seed])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_labels_count_by_the_area_that_is_seen(seed, share):
    whose, labels, weights = mixed(share, seed)
    np.testing.assert_array_equal(labels["fine"][:BATCH], np.arange(BATCH))
    np.testing.assert_array_equal(labels["coarse"], labels["fine"] // 5)
    is_own = whose == labels["fine"][:BATCH, None, None]
    is_other = whose == labels["fine"][BATCH:, None, None]
    assert (is_own | is_other).all()
    area = is_own.mean((1, 2))
    is_self = labels["fine"][:BATCH] == labels["fine"][BATCH:]
    coarse = weights["coarse"].reshape(2, BATCH)
    np.testing.assert_allclose(coarse.sum(0), 2, rtol=1e-6)
    np.testing.assert_allclose(coarse[0, ~is_self], 2 * area[~is_self], rtol=1e-6)
    np.testing.assert_array_equal(
        weights["fine"], weights["coarse"] * (labels["fine"] % 3 == 0).astype("float32")
    )


def test_what_covers_an_image_is_a_rectangle_of_its_shape_anywhere_in_it():
    whose, labels, _ = mixed(1.0, height=32, width=16)
    is_other = (whose != np.arange(BATCH)[:, None, None])[
        labels["fine"][BATCH:] != np.arange(BATCH)
    ]
    rows, columns = is_other.any(2), is_other.any(1)
    np.testing.assert_array_equal(is_other, rows[:, :, None] & columns[:, None, :])
    for inside in (rows, columns):  # In one piece.
        assert (np.abs(np.diff(inside, axis=1)).sum(1) <= 2).all()
    assert np.abs(rows.mean(1) - columns.mean(1)).max() <= 1 / 16 + 1 / 32
    # Both sides sqrt(area), the area even from 0 to 1: a mean of 1/2 and a variance of 1/12.
    area = is_other.mean((1, 2))
    np.testing.assert_allclose(area.mean(), 1 / 2, atol=0.05)
    np.testing.assert_allclose(area.var(), 1 / 12, atol=0.01)
    often = is_other.mean(0)
    np.testing.assert_allclose(often, often[::-1], atol=0.1)
    np.testing.assert_allclose(often, often[:, ::-1], atol=0.1)
    assert often[[0, 0, -1, -1], [0, -1, 0, -1]].min() > 0.01
    assert often[16, 8] > 0.7


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_covers_that_share_of_the_images_and_others_each_time(share):
    covered = []
    for seed in range(2):
        _, labels, weights = mixed(share, seed)
        covered.append(weights["coarse"][BATCH:] > 0)
        assert (np.sort(labels["fine"][BATCH:]) == np.arange(BATCH)).all()
    for each in covered:
        # Of 600, by the binomial distribution; few rectangles hold no pixel's middle.
        assert abs(each.mean() - share) <= 4 * np.sqrt(share * (1 - share) / BATCH) + 0.01 * share
    if share == 0.3:
        both = (covered[0] & covered[1]).mean()
        assert abs(both - share**2) < 0.06


def test_the_same_seed_mixes_alike():
    for first, second in zip(
        tf.nest.flatten(mixed(0.5, 1)), tf.nest.flatten(mixed(0.5, 1)), strict=True
    ):
        np.testing.assert_array_equal(first, second)
    assert (mixed(0.5, 1)[0] != mixed(0.5, 2)[0]).any()


def test_one_image_is_left_as_it_is():
    images = tf.random.normal((1, 8, 8, 3))
    found, labels, weights = cut_mix(
        images, {"fine": tf.constant([4])}, {"fine": tf.ones(1)}, 1.0, make_seed(0)
    )
    np.testing.assert_array_equal(found, images)
    assert labels["fine"].numpy().tolist() == [4, 4]
    np.testing.assert_allclose(tf.reduce_sum(weights["fine"]), 2, rtol=1e-6)
