"""Ratios of resampled test sets: those of the metrics, from the cells that hold an image."""

import numpy as np
import pytest

from coarse2fine.evaluation.resampled_ratios import resample_ratios
from coarse2fine.metrics import average_confusion_ratio, coarse_confusion_ratios
from coarse2fine.taxonomy import Taxonomy


def random_case(seed):
    """Labels and best classes under a taxonomy of unequal classes, one an only child."""
    rng = np.random.default_rng(seed)
    parent = (0, 1, 1, 2, 0, 3, 2, 1)
    names = tuple(f"f{i}" for i in range(8)), tuple(f"c{i}" for i in range(4))
    labels = rng.integers(0, 8, 300)
    named = np.where(rng.random(300) < 0.5, labels, rng.integers(0, 8, 300))
    return labels, named, Taxonomy(*names, parent)


@pytest.mark.parametrize("seed", range(5))
def test_the_first_is_that_of_the_test_set(seed):
    labels, named, taxonomy = random_case(seed)
    ratios = resample_ratios(labels, named, taxonomy, num_resamples=1, seed=0)
    confusion = np.zeros((8, 8), int)
    np.add.at(confusion, (labels, named), 1)
    overall = average_confusion_ratio(confusion, taxonomy.parent, "predicted")
    by_class = coarse_confusion_ratios(confusion, taxonomy.parent, "predicted")
    assert ratios.overall[0] == pytest.approx(overall)
    np.testing.assert_allclose(ratios.by_class[0], by_class.filled(np.nan))


def test_resamples_spread_as_resampled_images_do():
    labels, named, taxonomy = random_case(0)
    rng, expected = np.random.default_rng(3), []
    for _ in range(1500):
        drawn = rng.integers(0, len(labels), len(labels))
        confusion = np.zeros((8, 8), int)
        np.add.at(confusion, (labels[drawn], named[drawn]), 1)
        expected.append(average_confusion_ratio(confusion, taxonomy.parent, "predicted"))
    found = resample_ratios(labels, named, taxonomy, num_resamples=1500, seed=0).overall[1:]
    shares = (0.025, 0.25, 0.5, 0.75, 0.975)
    np.testing.assert_allclose(np.quantile(found, shares), np.quantile(expected, shares), rtol=0.05)


def test_what_is_undefined_is_infinite_or_no_number():
    taxonomy = Taxonomy(tuple("abcdef"), tuple("xyz"), (0, 0, 1, 1, 2, 2))
    labels = np.array([0, 1, 2, 2, 3, 4, 5])
    named = np.array([0, 1, 3, 0, 3, 4, 5])  # y: a sibling and an x; x: taken for by y; z: right.
    by_class = resample_ratios(labels, named, taxonomy, num_resamples=1, seed=0).by_class[0]
    assert np.isinf(by_class[0])
    assert np.isfinite(by_class[1])
    assert np.isnan(by_class[2])
