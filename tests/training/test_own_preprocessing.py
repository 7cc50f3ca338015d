"""The preprocessing that a network brings with it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import ArraySource
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training.preprocessing import (
    check_preprocessing,
    fit_preprocessing,
    make_preprocessing,
)

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.uint8)


def own(backbone, images=IMAGES):
    return make_preprocessing("own", {}, images.shape[1:], backbone)


def test_needs_nothing_of_the_training_images():
    source = ArraySource(IMAGES, Taxonomy(("a",), ("x",), (0,)), np.zeros(2, int))
    assert fit_preprocessing("own", source, np.arange(2)) == {}


@pytest.mark.parametrize(
    ("backbone", "expected"),
    [
        ("keras.applications.VGG16", IMAGES[..., ::-1] - np.array([103.939, 116.779, 123.68])),
        ("keras.applications.Xception", IMAGES / 127.5 - 1),
        ("keras.applications.EfficientNetV2B0", IMAGES),
        ("mine.keras", IMAGES),
    ],
)
def test_is_the_networks(backbone, expected):
    layer = own(backbone)
    eager = layer(IMAGES)
    assert eager.dtype == tf.float32
    np.testing.assert_allclose(eager, expected, rtol=1e-5, atol=1e-4)
    # As in the input pipeline and in an exported model.
    in_graph = tf.function(layer)
    np.testing.assert_allclose(in_graph(tf.constant(IMAGES)), eager, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(
        in_graph(tf.constant(IMAGES, tf.float32)), in_graph(tf.constant(IMAGES))
    )


def test_is_float32_in_any_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert own("keras.applications.VGG16")(IMAGES).dtype == tf.float32
    finally:
        keras.config.set_dtype_policy("float32")


def test_config_makes_the_same_layer():
    layer = own("keras.applications.VGG16")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(again(IMAGES), layer(IMAGES))


@pytest.mark.parametrize(
    ("kind", "backbone", "channels"),
    [
        *[("own", "keras.applications.ResNet50", 3), ("standardize", "nin", 1)],
        *[("standardize", "keras.applications.ResNet50", 1), ("own", "mine.keras", 1)],
        ("own", "keras.applications.ConvNeXtTiny", 1),
    ],
)
def test_takes_what_can_be_preprocessed(kind, backbone, channels):
    check_preprocessing(kind, backbone, (8, 8, channels))


def test_refuses_to_whiten_large_images():
    check_preprocessing("gcn_zca", "nin", (64, 64, 3))
    with pytest.raises(
        InputError, match=r"^Whitening images of 65 x 64 x 3 takes a matrix of 12,480"
    ):
        check_preprocessing("gcn_zca", "nin", (65, 64, 3))


@pytest.mark.parametrize(
    ("kind", "backbone", "channels", "message"),
    [
        (
            *("center", "keras.applications.ConvNeXtTiny", 3),
            "keras.applications.ConvNeXtTiny preprocesses its images itself, and preprocess=center "
            "would do it twice. Use preprocess=own.",
        ),
        (
            *("own", "keras.applications.ResNet50", 1),
            "The own preprocessing of keras.applications.ResNet50 is for images of 3 channels, and "
            "these have 1. Use preprocess=standardize.",
        ),
    ],
)
def test_refuses_what_cannot(kind, backbone, channels, message):
    with pytest.raises(InputError) as error:
        check_preprocessing(kind, backbone, (8, 8, channels))
    assert str(error.value) == message
