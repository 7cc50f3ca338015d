"""A user's own network, and weights to start from."""

import pathlib
import warnings
from unittest import mock

import keras
import numpy as np
import pytest
from keras import layers

from coarse2fine.backbones import create, find, load_weights, network_file, network_from_json
from coarse2fine.errors import InputError

IMAGES = np.random.default_rng(0).random((2, 8, 8, 3)).astype("float32")


def network(*more, filters=4, size=(8, 8, 3)):
    images = x = keras.Input(size)
    for layer in (layers.Conv2D(filters, 3), layers.BatchNormalization(), *more):
        x = layer(x)
    return keras.Model(images, x, name="mine")


@pytest.fixture
def saved(tmp_path):
    """Saves a model, and gives the file's path."""

    def save(model, name="mine.keras"):
        model.save(tmp_path / name)
        return str(tmp_path / name)

    return save


def check_refused(message, call, *arguments, **named):
    with pytest.raises(InputError) as error:
        call(*arguments, **named)
    assert str(error.value) == message


@pytest.mark.parametrize("more", [(), (layers.GlobalAveragePooling2D(),)])
def test_is_the_network_with_its_weights(saved, more):
    mine = network(*more)
    mine.layers[1].trainable = False
    loaded = create(saved(mine), input_shape=(8, 8, 3), width=1.0)
    np.testing.assert_array_equal(loaded(IMAGES), mine(IMAGES))
    assert [layer.trainable for layer in loaded.layers] == [
        layer.trainable for layer in mine.layers
    ]
    assert find(saved(mine)).class_map_activation is None


def test_is_saved_without_its_weights_as_json(tmp_path):
    mine = network()
    again = network_from_json(mine.to_json(), tmp_path)
    assert again.to_json() == mine.to_json()
    assert np.abs(again(IMAGES) - mine(IMAGES)).max() > 0


def test_keeps_the_precision_that_it_was_saved_in(saved):
    convolution = layers.Conv2D(4, 3, dtype="mixed_bfloat16")
    loaded = network_file(saved(network(convolution)))
    assert [layer.compute_dtype for layer in loaded.layers[1:]] == ["float32"] * 2 + ["bfloat16"]


def test_takes_images_of_any_size_where_the_network_does(saved):
    assert network_file(saved(network(size=(None, None, 3))), (5, 9, 3)) is not None


@keras.saving.register_keras_serializable("test")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.convolution = layers.Conv2D(4, 3)

    def call(self, x):
        return self.convolution(x)


class Unregistered(layers.Layer):
    def call(self, x):
        return x


class TestRefuses:
    def test_a_file_that_is_not_there(self, tmp_path):
        path = str(tmp_path / "mine.keras")
        check_refused(f"There is no file {path}.", create, path)

    def test_a_file_of_something_else(self, tmp_path):
        path = tmp_path / "mine.keras"
        path.write_text("no zip")
        check_refused(f"{path} is no .keras file: model.save did not write it.", network_file, path)

    def test_a_name_that_no_file_can_have(self, tmp_path):
        long = f"{tmp_path}/{'a' * 300}.keras"
        check_refused(f"There is no file {long}.", network_file, long)
        check_refused(r"There is no file 'a\x00.keras'.", network_file, "a\0.keras")

    def test_a_damaged_file(self, saved):
        path = pathlib.Path(saved(network()))
        content = bytearray(path.read_bytes())
        content[content.index(b"InputLayer")] ^= 1
        path.write_bytes(content)
        message = f"{path} cannot be read: Bad CRC-32 for file 'config.json'"
        check_refused(message, network_file, path)

    def test_python_code(self, saved):
        path = saved(network(layers.Lambda(lambda x: 2 * x)))
        check_refused(
            f"{path} cannot be read: it has a Lambda layer, which is Python code. Put a layer of "
            "Keras in its place.",
            network_file,
            path,
        )

    def test_a_layer_that_keras_does_not_know(self, saved):
        path = saved(network(Unregistered()))
        check_refused(
            f"{path} cannot be read: it has a layer 'Unregistered' that Keras does not know. "
            "Import the module that registers it, or put a layer of Keras in its place.",
            network_file,
            path,
        )

    def test_features_that_are_no_map_and_no_vector(self, saved):
        path = saved(network(layers.Reshape((36, 4))))
        check_refused(
            f"The network in {path} ends in features of shape (None, 36, 4), expected (batch, "
            "height, width, channels) or (batch, units). Save it as a model that ends there.",
            network_file,
            path,
        )

    def test_more_inputs_than_images(self, saved):
        images, more = keras.Input((8, 8, 3)), keras.Input((2,))
        path = saved(keras.Model([images, more], layers.Conv2D(4, 3)(images)))
        check_refused(
            f"The network in {path} takes inputs of shape [(None, 8, 8, 3), (None, 2)], expected "
            "(batch, height, width, channels) of a functional or sequential model.",
            network_file,
            path,
        )

    def test_a_network_whose_layers_cannot_be_seen(self, saved):
        model = Subclassed()
        model(IMAGES)
        path = saved(model)
        check_refused(
            f"The network in {path} takes inputs of shape None, expected (batch, height, width, "
            "channels) of a functional or sequential model.",
            network_file,
            path,
        )

    @pytest.mark.parametrize("shape", [(8, 8, 1), (9, 8, 3)])
    def test_images_that_it_does_not_take(self, saved, shape):
        path = saved(network())
        check_refused(
            f"The network in {path} takes images of shape (8, 8, 3), and these have shape {shape}.",
            create,
            path,
            input_shape=shape,
        )

    def test_float16(self, saved):
        path = saved(network(layers.Conv2D(4, 3, dtype="mixed_float16")))
        check_refused(
            f"The network in {path} computes in float16. Save it in float32 or mixed_bfloat16.",
            network_file,
            path,
        )

    @pytest.mark.parametrize("named", [{"width": 0.5}, {"dropout": 0.5}])
    def test_what_the_file_decides(self, saved, named):
        path, (name,) = saved(network()), named
        message = f"The network in {path} has no {name} to set, got 0.5."
        check_refused(message, create, path, **named)


class TestWeights:
    @pytest.mark.parametrize("name", ["mine.keras", "mine.h5", "mine.weights.h5"])
    def test_are_those_of_the_file(self, tmp_path, name):
        mine, other = network(), network()
        (mine.save_weights if "weights" in name else mine.save)(tmp_path / name)
        load_weights(other, tmp_path / name)
        np.testing.assert_array_equal(other(IMAGES), mine(IMAGES))

    def test_of_a_classifier_are_left_out(self, tmp_path):
        mine, other = network(layers.Flatten(), layers.Dense(5)), network()
        mine.save_weights(tmp_path / "mine.weights.h5")
        load_weights(other, tmp_path / "mine.weights.h5")
        for a, b in zip(other.get_weights(), mine.get_weights(), strict=False):
            np.testing.assert_array_equal(a, b)

    @pytest.mark.parametrize(
        ("model", "reason"),
        [
            (
                network(filters=5),
                "The shape of the target variable and the shape of the target value in "
                "`variable.assign(value)` must match. variable.shape=(3, 3, 3, 5), Received: "
                "value.shape=(3, 3, 3, 4).",
            ),
            (
                network(layers.Dense(4, name="more")),
                "Layer 'more' expected 2 variables, but received 0 variables during loading. "
                "Expected: ['kernel', 'bias']",
            ),
        ],
    )
    def test_of_another_network_are_refused(self, tmp_path, model, reason):
        path = tmp_path / "mine.weights.h5"
        network().save_weights(path)
        check_refused(
            f"{path} cannot be read as weights of mine: {reason}", load_weights, model, path
        )

    @pytest.mark.parametrize("name", ["mine.keras", "mine.weights.h5"])
    def test_of_a_damaged_file_are_refused_or_read(self, tmp_path, name):
        path, model = tmp_path / name, network()
        (model.save_weights if "weights" in name else model.save)(path)
        content, rng, messages = path.read_bytes(), np.random.default_rng(0), []
        for _ in range(30):
            damaged = np.frombuffer(content, np.uint8).copy()
            damaged[rng.integers(0, len(content), 8)] ^= 1
            path.write_bytes(damaged)
            try:
                load_weights(model, path)
            except InputError as error:
                messages.append(str(error))
        assert len(messages) > 15
        assert all(message.startswith(f"{path} ") for message in messages)

    def test_that_keras_would_leave_out_with_a_warning_are_refused(self, tmp_path):
        model, path = network(), tmp_path / "mine.weights.h5"
        model.save_weights(path)
        with mock.patch.object(type(model), "load_weights") as load:
            load.side_effect = lambda path: warnings.warn("Some keep fresh weights.", stacklevel=1)
            check_refused(
                f"{path} cannot be read as weights of mine: Some keep fresh weights.",
                *(load_weights, model, path),
            )

    def test_that_are_no_weights_are_refused(self, tmp_path):
        for name, message in (
            ("a.txt", "{} is no file of weights, expected .weights.h5, .h5, .keras."),
            ("a.keras", "{} is no .keras file: model.save did not write it."),
        ):
            path = tmp_path / name
            path.write_text("nothing")
            check_refused(message.format(path), load_weights, network(), path)
        path = tmp_path / "b.weights.h5"
        check_refused(f"There is no file {path}.", load_weights, network(), path)
