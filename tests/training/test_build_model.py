"""The model that a config describes."""

import keras
import pytest

from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config
from coarse2fine.training.build_model import build_model

TAXONOMY = Taxonomy(("a", "b", "c"), ("x", "y"), (0, 0, 1))


def build(**values):
    return build_model(Config(width=0.05, **values), TAXONOMY, (16, 16, 3))


def rates(model):
    return {layer.rate for layer in model.backbone.layers if hasattr(layer, "rate")}


@pytest.mark.parametrize(
    ("backbone", "own"),
    [
        ("fastnet", set()),
        ("nin", {0.5}),
        ("preact_resnet", set()),
        ("wide_resnet", {0.3}),
    ],
)
def test_drops_what_the_config_says_or_else_the_networks_own_share(backbone, own):
    assert rates(build(backbone=backbone)) == own
    assert rates(build(backbone=backbone, dropout=0.2)) == {0.2}


@pytest.mark.parametrize(("name", "rank"), [("nin_imagenet", 4), ("alexnet_imagenet", 2)])
def test_imagenets_networks_have_relu_maps(name, rank):
    model = build_model(Config(backbone=name, width=0.05), TAXONOMY, (40, 40, 3))
    assert len(model.backbone.output_shape) == rank
    assert model.class_feature_map.activation is keras.activations.relu


def test_other_peoples_networks_have_linear_maps(tmp_path):
    images = keras.Input((16, 16, 3))
    path = str(tmp_path / "mine.keras")
    keras.Model(images, keras.layers.Conv2D(4, 3)(images)).save(path)
    for backbone, size in (("keras.applications.MobileNet", 32), (path, 16)):
        model = build_model(Config(backbone=backbone), TAXONOMY, (size, size, 3))
        assert model.class_feature_map.activation is keras.activations.linear


def test_has_the_supervision_of_the_config():
    model = build(
        coarse_supervision="soft_min",
        soft_min_temperature=0.3,
        fine_term="labelled",
        coarse_term="coarse_only",
        label_smoothing=0.2,
        cutmix=0.7,
        seed=5,
        coarse_weight=0.4,
    )
    assert model.pool_siblings.temperature == 0.3
    assert model.fine_term == "labelled"
    assert model.two_headed_loss.label_smoothing == 0.2
    assert (model.cutmix, model.cutmix_seed) == (0.7, 5)
    assert model.two_headed_loss.coarse_term == "coarse_only"
    assert model.two_headed_loss.coarse_weight == 0.4


def test_an_explicit_0_drops_nothing():
    assert rates(build(backbone="wide_resnet", dropout=0.0)) == set()


def test_has_the_heads_of_the_config():
    model = build(labels="coarse", head_dropout=0.2, extra_layer=True)
    assert model.channel_dropout.rate == 0.2
    assert model.extra_linear.units == 3
    assert build().get_config()["head_dropout"] == 0.0
    assert build().get_config()["extra_layer"] is False
