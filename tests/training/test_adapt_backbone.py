"""Filters that a network takes from its run's training images."""

import numpy as np
import pytest
from test_run import TAXONOMY, StopAfter, assert_same_run, make_config

from coarse2fine.data import ArraySource
from coarse2fine.layers import PatchWhitening
from coarse2fine.training import adapt_backbone, load_run, train
from coarse2fine.training.plan import make_plan
from coarse2fine.training.run import plan_of


def make_source():
    rng = np.random.default_rng(0)
    fine = np.repeat(np.arange(4), 20)
    return ArraySource(rng.integers(0, 256, (80, 10, 10, 3), dtype=np.uint8), TAXONOMY, fine)


def kernel_of(run):
    (layer,) = (x for x in run.model.backbone.layers if isinstance(x, PatchWhitening))
    return layer.kernel.numpy()


def test_filters_are_those_of_the_preprocessed_training_images_and_are_kept(tmp_path):
    config = make_config(backbone="fastnet", epochs=None, steps=4, width=0.2)
    source = make_source()
    run = train(config, tmp_path / "run", source=source)
    expected = PatchWhitening()
    images = source.images(np.sort(make_plan(source, config).training_images))
    expected.adapt(run.preprocess(images).numpy())
    np.testing.assert_allclose(np.abs(kernel_of(run)), np.abs(expected.kernel), rtol=1e-4)
    with pytest.raises(RuntimeError, match="crash"):
        train(config, tmp_path / "cut", lambda *_: [StopAfter(0)], source)
    assert_same_run(run, train(config, tmp_path / "cut", source=source))


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_replicas_and_a_replay_have_filters_too(tmp_path, precision):
    config = make_config(
        backbone="fastnet",
        width=0.2,
        epochs=None,
        steps=9,
        schedule="plateau",
        refit=True,
        precision=precision,
        strategy="mirrored",
    )
    source = make_source()
    run = train(config, tmp_path / "run", source=source)
    search = load_run(tmp_path / "run/search")
    for each, plan in (
        (run, plan_of(run, source)),
        (search, make_plan(source, config.replace(refit=False))),
    ):
        expected = PatchWhitening()
        images = source.images(np.sort(plan.training_images))
        expected.adapt(each.preprocess(images).numpy())
        np.testing.assert_allclose(np.abs(kernel_of(each)), np.abs(expected.kernel), rtol=1e-4)
    assert np.abs(kernel_of(run) - kernel_of(search)).max() > 1e-3


def test_no_more_images_are_looked_at_than_are_needed(tmp_path, monkeypatch):
    source, seen = make_source(), []
    adapt = PatchWhitening.adapt
    monkeypatch.setattr(
        PatchWhitening,
        "adapt",
        lambda self, images: (seen.append(len(images)), adapt(self, images)),
    )
    for name, most in (("_MOST_IMAGES", 11), ("_MOST_PIXELS", 700)):
        monkeypatch.setattr(adapt_backbone, name, most)
        config = make_config(backbone="fastnet", epochs=None, steps=1, width=0.2)
        train(config, tmp_path / name, source=source)
    assert seen == [11, 7]


def test_weights_of_a_file_stay(tmp_path):
    config = make_config(backbone="fastnet", epochs=None, steps=1, width=0.2)
    source = make_source()
    first = train(config, tmp_path / "first", source=source)
    path = tmp_path / "backbone.weights.h5"
    first.model.backbone.save_weights(path)
    second = train(
        config.replace(backbone_weights=str(path), seed=1), tmp_path / "second", source=source
    )
    np.testing.assert_array_equal(kernel_of(second), kernel_of(first))
