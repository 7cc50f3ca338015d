import keras
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.errors import InputError
from coarse2fine.layers import ClassFeatureMap


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("activation", [None, "relu"])
def test_from_maps_is_one_linear_function_of_the_channels_at_each_location(activation):
    layer = ClassFeatureMap(5, activation=activation, bias_initializer="random_normal")
    features = normal(2, 3, 4, 6)
    maps = layer(features)
    kernel, bias = (weight.numpy() for weight in layer.weights)
    expected = np.einsum("bhwc,cn->bhwn", features, kernel[0, 0]) + bias
    if activation == "relu":
        expected = np.maximum(expected, 0)
    np.testing.assert_allclose(maps, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("activation", [None, "relu"])
def test_from_a_vector_is_one_fully_connected_layer_per_class(activation):
    layer = ClassFeatureMap(5, activation=activation, map_size=3, bias_initializer="random_normal")
    features = normal(2, 7)
    maps = layer(features).numpy()
    kernel, bias = (weight.numpy() for weight in layer.weights)
    kernel, bias = kernel.reshape(7, 9, 5), bias.reshape(9, 5)
    for k in range(5):
        expected = (features @ kernel[:, :, k] + bias[:, k]).reshape(2, 3, 3)
        if activation == "relu":
            expected = np.maximum(expected, 0)
        np.testing.assert_allclose(maps[..., k], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(None, 4, 4, 500), (None, 500)])
def test_weights_start_with_the_variance_of_he_over_the_features(shape):
    keras.utils.set_random_seed(0)
    layer = ClassFeatureMap(400)
    layer.build(shape)
    np.testing.assert_allclose(np.std(layer.kernel.numpy()), np.sqrt(2 / 500), rtol=0.01)
    np.testing.assert_array_equal(layer.bias.numpy(), 0)


def test_activation_runs_in_the_compute_dtype():
    seen = []

    def activation(x):
        seen.append(keras.backend.standardize_dtype(x.dtype))
        return x

    ClassFeatureMap(3, activation=activation, dtype="mixed_bfloat16")(normal(2, 4))
    assert set(seen) == {"bfloat16"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"num_classes": 0},
            "ClassFeatureMap: num_classes must be a whole number of at least 1, got 0.",
        ),
        (
            {"num_classes": 2, "map_size": 1.5},
            "ClassFeatureMap: map_size must be a whole number of at least 1, got 1.5.",
        ),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(InputError) as error:
        ClassFeatureMap(**arguments)
    assert str(error.value) == message


def test_refuses_features_that_are_neither_maps_nor_vectors():
    with pytest.raises(InputError) as error:
        ClassFeatureMap(3)(tf.ones((2, 3, 4)))
    assert str(error.value) == (
        "ClassFeatureMap: expected features of shape (batch, height, width, channels) or "
        "(batch, units), got (2, 3, 4)."
    )


def test_refuses_an_unknown_number_of_features():
    with pytest.raises(InputError) as error:
        ClassFeatureMap(3).build((None, None))
    assert str(error.value) == (
        "ClassFeatureMap: the last dimension of the features must be known, got input shape "
        "(None, None)."
    )
