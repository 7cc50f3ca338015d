"""Which fine labels are replaced, and by what: a function of seed and id."""

import re

import numpy as np
import pytest

from coarse2fine.data import noisy_labels
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy, cifar100

TAXONOMY = Taxonomy(tuple("abcdefg"), ("x", "y", "z"), (1, 0, 1, 2, 1, 0, 1))
RATES = (0.0, 0.01, 0.03, 0.1, 0.3, 0.9, 1.0)


def make_set(num_images=3000, taxonomy=TAXONOMY):
    fine = np.random.default_rng(0).integers(-1, taxonomy.num_fine, num_images)
    return fine, np.array([f"image_{i}" for i in range(num_images)])


def check_refused(message, *args):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        noisy_labels(*args)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate", RATES)
def test_keeps_every_coarse_label_and_adds_or_takes_none(seed, rate):
    fine, ids = make_set()
    before = fine.copy()
    noisy = noisy_labels(fine, ids, TAXONOMY, rate, seed)
    np.testing.assert_array_equal(TAXONOMY.coarsen(noisy), TAXONOMY.coarsen(fine))
    np.testing.assert_array_equal(noisy < 0, fine < 0)
    np.testing.assert_array_equal(fine, before)


def test_without_noise_changes_nothing():
    fine, ids = make_set()
    np.testing.assert_array_equal(noisy_labels(fine, ids, TAXONOMY, 0.0, 3), fine)


@pytest.mark.parametrize("seed", range(3))
def test_a_larger_rate_changes_what_a_smaller_one_does_in_the_same_way(seed):
    fine, ids = make_set()
    smaller = noisy_labels(fine, ids, TAXONOMY, 0.0, seed)
    for rate in RATES[1:]:
        larger = noisy_labels(fine, ids, TAXONOMY, rate, seed)
        is_changed = smaller != fine
        np.testing.assert_array_equal(larger[is_changed], smaller[is_changed])
        assert (larger != fine).sum() > is_changed.sum()
        smaller = larger


def test_does_not_depend_on_the_reading_order_or_on_other_images():
    fine, ids = make_set()
    noisy = noisy_labels(fine, ids, TAXONOMY, 0.5, 3)
    some = np.random.default_rng(1).permutation(len(fine))[:1000]
    np.testing.assert_array_equal(
        noisy_labels(fine[some], ids[some], TAXONOMY, 0.5, 3), noisy[some]
    )


def test_every_seed_changes_other_labels():
    fine, ids = make_set()
    drawn = {noisy_labels(fine, ids, TAXONOMY, 0.3, seed).tobytes() for seed in range(10)}
    assert len(drawn) == 10


@pytest.mark.parametrize("rate", [0.03, 0.3, 1.0])
def test_replaces_as_often_as_asked_and_by_each_sibling_alike(rate):
    taxonomy, num_images = cifar100(), 50_000
    fine, ids = np.arange(num_images) % 100, np.arange(num_images).astype(str)
    noisy = noisy_labels(fine, ids, taxonomy, rate, 0)
    # One in five replaced labels is the same again.
    expected, spread = 0.8 * rate, np.sqrt(0.8 * rate * (1 - 0.8 * rate) / num_images)
    assert abs((noisy != fine).mean() - expected) < 4 * spread
    place = {f: i for members in taxonomy.children for i, f in enumerate(members)}
    rank = np.array([place[f] for f in range(100)])
    is_changed = noisy != fine
    # Of five siblings in a circle the next, the second, third or fourth: a quarter each.
    steps = (rank[noisy] - rank[fine])[is_changed] % 5
    counts = np.bincount(steps, minlength=5)[1:]
    assert np.abs(counts - counts.mean()).max() < 4.5 * np.sqrt(counts.mean())


def test_an_only_child_is_its_own_replacement():
    fine, ids = make_set()
    noisy = noisy_labels(fine, ids, TAXONOMY, 1.0, 0)
    only = TAXONOMY.fine_names.index("d")
    np.testing.assert_array_equal(noisy == only, fine == only)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_refuses_a_rate_that_is_no_probability(rate):
    message = f"fine_label_noise is {rate}, expected a number from 0 to 1."
    check_refused(message, *make_set(), TAXONOMY, rate, 0)


def test_refuses_labels_that_fit_neither_ids_nor_taxonomy():
    fine, ids = make_set(5)
    message = "4 ids and fine labels of shape (5,), expected as many."
    check_refused(message, fine, ids[1:], TAXONOMY, 0.5, 0)
    message = "Fine labels 0 to 7 are given, expected -1 (none) to 6."
    check_refused(message, [0, 7], ids[:2], TAXONOMY, 0.5, 0)
