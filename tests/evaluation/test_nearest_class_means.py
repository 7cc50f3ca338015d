"""Nearest class means with mixed labels, against plain references."""

import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.evaluation.nearest_class_means import fit_class_means, nearest_class_means
from coarse2fine.taxonomy import Taxonomy

TAXONOMY = Taxonomy(tuple("abcde"), ("k", "l"), (0, 1, 0, 1, 1))


def make_features(seed, spread, each=40, labelled=8):
    """Clusters around random centres; the first images of each class are labelled."""
    rng = np.random.default_rng(seed)
    centres = 5 * rng.normal(size=(5, 6))
    true = np.tile(np.arange(5), each)
    features = centres[true] + spread * rng.normal(size=(len(true), 6))
    fine = np.where(np.arange(len(true)) < 5 * labelled, true, -1)
    return features.astype(np.float32), fine, TAXONOMY.coarsen(true), true


def test_where_all_are_labelled_means_are_the_classes_means():
    features, _, coarse, true = make_features(0, spread=3)
    means = fit_class_means(features, true, coarse, TAXONOMY)
    expected = [features[true == f].mean(0) for f in range(5)]
    np.testing.assert_allclose(means, expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_means_are_those_of_labelled_and_nearest_siblings(seed):
    features, fine, coarse, _ = make_features(seed, spread=2)
    means = fit_class_means(features, fine, coarse, TAXONOMY)
    chosen = fine.copy()
    for i in np.flatnonzero(fine < 0):
        children = TAXONOMY.children[coarse[i]]
        chosen[i] = min(children, key=lambda f: ((features[i] - means[f]) ** 2).sum())
    expected = [features[chosen == f].mean(0) for f in range(5)]
    np.testing.assert_allclose(means, expected, rtol=1e-4)


def test_coarse_only_features_bring_means_nearer_to_the_centres():
    features, fine, coarse, true = make_features(1, spread=3, each=400, labelled=2)
    is_labelled = fine >= 0
    plain = fit_class_means(features[is_labelled], fine[is_labelled], coarse[is_labelled], TAXONOMY)
    mixed = fit_class_means(features, fine, coarse, TAXONOMY)
    wanted = np.array([features[true == f].mean(0) for f in range(5)])
    assert ((mixed - wanted) ** 2).sum() < 0.2 * ((plain - wanted) ** 2).sum()


def test_the_order_of_features_does_not_matter():
    features, fine, coarse, _ = make_features(2, spread=2)
    order = np.random.default_rng(0).permutation(len(fine))
    means = fit_class_means(features, fine, coarse, TAXONOMY)
    again = fit_class_means(features[order], fine[order], coarse[order], TAXONOMY)
    np.testing.assert_allclose(again, means, rtol=1e-6)


def test_the_nearest_mean_is_that_of_the_least_distance():
    rng = np.random.default_rng(0)
    features, means = rng.normal(size=(9000, 3)), rng.normal(size=(7, 3))
    distances = ((features[:, None] - means) ** 2).sum(-1)
    np.testing.assert_array_equal(nearest_class_means(features, means), distances.argmin(-1))


def test_refuses_a_class_without_a_labelled_feature():
    features, fine, coarse, _ = make_features(0, spread=1)
    with pytest.raises(InputError, match=r"^No feature is labelled c, and its mean is of such"):
        fit_class_means(features, np.where(fine == 2, -1, fine), coarse, TAXONOMY)
