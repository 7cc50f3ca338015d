"""The networks of `keras.applications`."""

import inspect

import keras
import numpy as np
import pytest

from coarse2fine.backbones import application, create, find
from coarse2fine.backbones.applications import preprocess_input, preprocesses_inside
from coarse2fine.errors import InputError

NAMES = [name for name, value in vars(keras.applications).items() if inspect.isfunction(value)]


def test_the_names_are_those_of_networks():
    assert {"MobileNet", "ResNet50", "EfficientNetV2B0", "VGG16", "Xception"} <= set(NAMES)
    assert not {"mobilenet", "resnet", "preprocess_input"} & set(NAMES)


def test_is_the_network_without_classifier_and_pooling():
    network = application("MobileNet", input_shape=(64, 32, 3))
    whole = keras.applications.MobileNet(weights=None, input_shape=(64, 32, 3))
    layers = [(type(layer), layer.output.shape) for layer in network.layers]
    assert layers == [(type(layer), layer.output.shape) for layer in whole.layers[: len(layers)]]
    assert isinstance(whole.layers[len(layers)], keras.layers.GlobalAveragePooling2D)
    assert network.output_shape == (None, 2, 1, 1024)


def test_is_found_under_its_name_in_keras():
    network = create("keras.applications.MobileNet", input_shape=(32, 32, 1), width=1.0)
    assert network.input_shape == (None, 32, 32, 1)
    assert find("keras.applications.MobileNet").class_map_activation is None


@pytest.mark.parametrize("name", NAMES)
def test_every_network_is_known_and_has_a_preprocessing_of_its_own(name):
    images = keras.ops.ones((1, 2, 2, 3))
    assert callable(find(f"keras.applications.{name}").build)
    assert preprocess_input(name, images).shape == (1, 2, 2, 3)


PIXEL = np.array([[[[0.0, 51.0, 255.0]]]], "float32")  # Red, green, blue.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Blue, green, red, less the means of ImageNet.
        ("ResNet50", [255 - 103.939, 51 - 116.779, 0 - 123.68]),
        ("ResNet50V2", [-1.0, 51 / 127.5 - 1, 1.0]),
        ("DenseNet121", [-0.485 / 0.229, (0.2 - 0.456) / 0.224, (1 - 0.406) / 0.225]),
        ("MobileNetV3Small", [0.0, 51.0, 255.0]),
        ("EfficientNetB0", [0.0, 51.0, 255.0]),
        ("ConvNeXtTiny", [0.0, 51.0, 255.0]),
    ],
)
def test_preprocesses_as_each_network_was_published(name, expected):
    preprocessed = preprocess_input(name, keras.ops.convert_to_tensor(PIXEL))
    np.testing.assert_allclose(np.ravel(preprocessed), expected, rtol=1e-5)
    assert preprocesses_inside(name) == (expected == [0.0, 51.0, 255.0])


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        (
            "ResNet51",
            {},
            "Unknown network of keras.applications 'ResNet51'. Known: " + ", ".join(NAMES) + ".",
        ),
        (
            "Xception",
            {"input_shape": (32, 32, 3)},
            "keras.applications.Xception cannot take images of shape (32, 32, 3): Input size must "
            "be at least 71x71; Received: input_shape=(32, 32, 3)",
        ),
        ("VGG16", {"width": 0.5}, "keras.applications.VGG16 has no width to set, got 0.5."),
        ("VGG16", {"dropout": 0.5}, "keras.applications.VGG16 has no dropout to set, got 0.5."),
    ],
)
def test_refuses_what_the_network_does_not_take(name, arguments, message):
    with pytest.raises(InputError) as error:
        create(f"keras.applications.{name}", **arguments)
    assert str(error.value) == message
