"""Filters that a network takes from its run's training images."""

import numpy as np
from test_run import TAXONOMY, assert_same_run, make_config

from coarse2fine.data import ArraySource
from coarse2fine.layers import PatchWhitening
from coarse2fine.training import train
from coarse2fine.training.plan import make_plan


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
    again = train(config.replace(steps=6), tmp_path / "run", source=source)
    np.testing.assert_array_equal(kernel_of(again), kernel_of(run))
    assert_same_run(train(config.replace(steps=6), tmp_path / "six", source=source), again)


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
