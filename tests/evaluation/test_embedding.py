"""Features of a run, and t-SNE of features."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.backbones import preact_resnet
from coarse2fine.data import ArraySource
from coarse2fine.errors import InputError
from coarse2fine.evaluation import features, tsne
from coarse2fine.model import CoarseToFine
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, Run
from coarse2fine.training.preprocessing import make_preprocessing
from coarse2fine.training.workdir import Workdir

PETS = Taxonomy(("siamese", "persian", "beagle"), ("cat", "dog"), (0, 0, 1))


@pytest.fixture(scope="module")
def source():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (11, 16, 16, 3)).astype(np.uint8)
    return ArraySource(images, PETS, random.integers(0, 3, 11))


@pytest.fixture
def run(source, tmp_path):
    statistics = {"mean": np.full(3, 120.0), "variance": np.full(3, 3600.0)}
    model = CoarseToFine(preact_resnet((16, 16, 3), width=0.05), PETS)
    model(tf.zeros((1, 16, 16, 3)))
    preprocess = make_preprocessing("standardize", statistics, source.image_shape)
    return Run(Workdir(tmp_path), Config(), PETS, preprocess, model, step=0)


def clusters(n, seed=0):
    """Three tight clusters, and which each point is of."""
    random = np.random.default_rng(seed)
    which = np.arange(n) % 3
    points = 10 * np.eye(3, 8)[which] + random.normal(size=(n, 8))
    return points.astype(np.float32), which


def test_features_are_the_backbones_averaged_over_locations(run, source):
    indices = np.array([9, 2, 3, 7, 0, 10, 4])
    images = run.preprocess(source.images(tf.constant(indices)))
    expected = run.model.backbone(images, training=False).numpy().mean((1, 2))
    found = features(run, source, indices, batch_size=3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_features_are_of_all_images_by_default(run, source):
    np.testing.assert_allclose(
        features(run, source),
        features(run, source, np.arange(11), batch_size=4),
        rtol=1e-4,
        atol=1e-5,
    )


def test_features_that_overflow_are_refused(run, source):
    kernel = run.model.backbone.trainable_weights[0]
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(InputError) as error:
        features(run, source)
    assert str(error.value) == (
        "The features of 11 images are not finite: the network overflows. Compute in float32, or "
        "train again."
    )


def test_clusters_stay_together():
    points, which = clusters(60)
    placed = tsne(points)
    assert placed.shape == (60, 2)
    distances = np.linalg.norm(placed[:, None] - placed, axis=-1)
    nearest = (distances + np.diag([np.inf] * 60)).argmin(1)
    np.testing.assert_array_equal(which[nearest], which)


def test_a_seed_gives_the_same_points_and_another_seed_others():
    points, _ = clusters(40)
    np.testing.assert_array_equal(tsne(points, seed=3), tsne(points, seed=3))
    assert not np.array_equal(tsne(points, seed=3), tsne(points, seed=4))


def test_progress_is_reported_up_to_the_last_update():
    reports = []
    tsne(clusters(20)[0], on_progress=lambda done, total: reports.append((done, total)))
    assert reports == [(done, 750) for done in range(50, 751, 50)]


@pytest.mark.parametrize("n", [4, 5, 20])
def test_few_points_are_placed(n):
    points, _ = clusters(n)
    placed = tsne(points)
    assert np.isfinite(placed).all()
    assert len(np.unique(placed, axis=0)) == n


def test_points_that_coincide_are_placed():
    points, _ = clusters(30)
    points[:15] = points[0]
    assert np.isfinite(tsne(points)).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            np.zeros((3, 8)),
            "features has shape (3, 8), expected (n, channels) with n at least 4 and channels at "
            "least 2.",
        ),
        (
            np.zeros((9, 1)),
            "features has shape (9, 1), expected (n, channels) with n at least 4 and channels at "
            "least 2.",
        ),
        (np.full((9, 2), np.inf), "features holds numbers that are not finite."),
        (np.ones((9, 2)), "All 9 features are equal: they cannot be placed."),
    ],
)
def test_features_that_cannot_be_placed_are_refused(given, message):
    with pytest.raises(InputError) as error:
        tsne(given)
    assert str(error.value) == message


def test_without_the_extra_tsne_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    with pytest.raises(InputError) as error:
        tsne(clusters(20)[0])
    assert str(error.value) == "openTSNE is not installed: pip install 'coarse2fine[figures]'."
