"""What stands between features and class maps: dropout, one more layer; and the features."""

import re

import keras
import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.model import CoarseToFine
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training.checkpoints import Checkpoints
from coarse2fine.training.coupled_sgd import CoupledSGD

TAXONOMY = Taxonomy(tuple("abcdef"), ("x", "y", "z"), (1, 0, 1, 2, 0, 1))
IMAGES = np.random.default_rng(0).normal(size=(6, 8, 8, 3)).astype("float32")
LABELS = {"fine": np.arange(6), "coarse": TAXONOMY.coarsen(np.arange(6))}
WEIGHTS = {"fine": np.ones(6, "float32"), "coarse": np.ones(6, "float32")}


def make_model(rank=4, **kwargs):
    keras.utils.set_random_seed(0)
    images = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(20, 3, strides=2, activation="relu", padding="same")(images)
    if rank == 2:
        features = keras.layers.Dense(20)(keras.layers.Flatten()(features))
    model = CoarseToFine(keras.Model(images, features), TAXONOMY, **kwargs)
    model(IMAGES)
    model.compile(optimizer=CoupledSGD(0.1, momentum=0.9))
    return model


def dropped(model, shape):
    """What the next training call multiplies features of that shape by."""
    state = model.channel_dropout.seed_generator.state
    before = state.numpy()
    factors = model.channel_dropout(np.ones(shape, "float32"), training=True).numpy()
    state.assign(before)
    return factors


def pooled_features(model):
    return model.backbone(IMAGES).numpy().mean((1, 2))


def linear_layer(features, layer):
    kernel, bias = layer.get_weights()
    return features @ kernel.reshape(kernel.shape[-2:]) + bias


def assert_scores(scores, expected):
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)


class TestFeatures:
    def test_of_a_map_are_averaged_over_locations(self):
        model = make_model()
        features = model.features(IMAGES)
        np.testing.assert_allclose(features, pooled_features(model), rtol=1e-5, atol=1e-6)

    def test_of_a_vector_are_the_vector(self):
        model = make_model(rank=2)
        np.testing.assert_array_equal(model.features(IMAGES), model.backbone(IMAGES))

    def test_are_float32_and_come_before_the_heads(self):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            models = [
                make_model(rank, labels="coarse", head_dropout=0.5, extra_layer=True)
                for rank in (2, 4)
            ]
        finally:
            keras.config.set_dtype_policy("float32")
        for model in models:
            features = model.features(IMAGES, training=True)
            assert (features.dtype, features.shape) == ("float32", (6, 20))
            assert model.channel_dropout.compute_dtype == "bfloat16"
            np.testing.assert_array_equal(features, model.features(IMAGES))

    def test_give_the_scores_through_linear_class_maps(self):
        model = make_model()
        expected = linear_layer(model.features(IMAGES).numpy(), model.class_feature_map)
        assert_scores(model(IMAGES)["fine"], expected)


class TestHeadDropout:
    @pytest.mark.parametrize("labels", ["fine", "coarse"])
    def test_equals_dropout_after_the_pooling_for_linear_class_maps(self, labels):
        model = make_model(labels=labels, head_dropout=0.4)
        factors = dropped(model, (6, 4, 4, 20))
        np.testing.assert_array_equal(factors, np.broadcast_to(factors[:, :1, :1], factors.shape))
        np.testing.assert_allclose(np.unique(factors), [0, 1 / 0.6], rtol=1e-6)
        expected = linear_layer(pooled_features(model) * factors[:, 0, 0], model.class_feature_map)
        assert_scores(model(IMAGES, training=True)[labels], expected)

    def test_drops_units_of_a_vector(self):
        model = make_model(rank=2, head_dropout=0.4)
        factors = dropped(model, (6, 20))
        np.testing.assert_allclose(np.unique(factors), [0, 1 / 0.6], rtol=1e-6)
        expected = model.class_feature_map(model.backbone(IMAGES) * factors)
        assert_scores(model.class_maps(IMAGES, training=True)["fine"], expected)

    def test_is_for_training_alone(self):
        model, plain = make_model(head_dropout=0.4), make_model()
        np.testing.assert_array_equal(model(IMAGES)["fine"], plain(IMAGES)["fine"])
        first, second = (model(IMAGES, training=True)["fine"].numpy() for _ in range(2))
        assert np.abs(first - second).max() > 0.01

    @pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
    def test_out_of_range_is_refused(self, value):
        message = f"head_dropout is {value}, expected 0 or more and below 1."
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            make_model(head_dropout=value)


class TestExtraLayer:
    def test_equals_a_layer_after_the_pooling_for_linear_class_maps(self):
        model = make_model(labels="coarse", extra_layer=True)
        extra = linear_layer(pooled_features(model), model.extra_linear)
        assert extra.shape == (6, TAXONOMY.num_fine)
        assert_scores(model(IMAGES)["coarse"], linear_layer(extra, model.class_feature_map))

    def test_comes_after_the_dropout(self):
        model = make_model(labels="coarse", extra_layer=True, head_dropout=0.4)
        kept = pooled_features(model) * dropped(model, (6, 4, 4, 20))[:, 0, 0]
        expected = linear_layer(linear_layer(kept, model.extra_linear), model.class_feature_map)
        assert_scores(model(IMAGES, training=True)["coarse"], expected)

    @pytest.mark.parametrize("rank", [2, 4])
    def test_is_trained(self, rank):
        model = make_model(rank, labels="coarse", extra_layer=True, class_map_activation="relu")
        before = model.extra_linear.get_weights()
        model.train_on_batch(IMAGES, LABELS, WEIGHTS)
        for old, new in zip(before, model.extra_linear.get_weights(), strict=True):
            assert np.abs(new - old).max() > 0

    @pytest.mark.parametrize("labels", ["mixed", "fine", "oracle"])
    def test_with_a_fine_head_is_refused(self, labels):
        message = (
            f"extra_layer is for labels='coarse' only, got labels={labels!r}: it gives coarse "
            "training the layer of num_fine units that fine class maps already are. Leave it out, "
            "or choose labels='coarse'."
        )
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            make_model(labels=labels, extra_layer=True)


@pytest.mark.parametrize("rank", [2, 4])
def test_heads_come_back_from_a_keras_file(tmp_path, rank):
    model = make_model(rank, labels="coarse", extra_layer=True, head_dropout=0.4)
    model.train_on_batch(IMAGES, LABELS, WEIGHTS)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert (loaded.head_dropout, loaded.extra_layer) == (0.4, True)
    assert type(loaded.channel_dropout) is type(model.channel_dropout)
    np.testing.assert_array_equal(loaded(IMAGES)["coarse"], model(IMAGES)["coarse"])


def test_dropout_goes_on_from_a_checkpoint(tmp_path):
    model = make_model(head_dropout=0.4)
    checkpoints = Checkpoints(tmp_path, model, TAXONOMY)
    checkpoints.save({"step": 1})
    first, second = (model(IMAGES, training=True)["fine"].numpy() for _ in range(2))
    assert np.abs(first - second).max() > 0.01
    checkpoints.restore()
    np.testing.assert_array_equal(model(IMAGES, training=True)["fine"], first)


def test_without_them_there_is_nothing_more_to_draw_or_to_train():
    model = make_model()
    assert len(model.trainable_weights) == len(model.backbone.trainable_weights) + 2
    assert not any("seed" in variable.path for variable in model.variables)
    assert any("seed" in variable.path for variable in make_model(head_dropout=0.1).variables)
