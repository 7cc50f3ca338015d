"""Patches after the first layer: uncorrelated, of unit variance, and with both signs."""

import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.layers import PatchWhitening


def smooth_images(number=200, size=9, seed=0):
    """Images whose neighbouring pixels and channels are alike."""
    noise = np.random.default_rng(seed).normal(size=(number, size + 2, size + 2, 3))
    blurred = sum(noise[:, i : i + size, j : j + size] for i in range(3) for j in range(3))
    return (blurred + blurred.mean(-1, keepdims=True)).astype("float32")


@pytest.mark.parametrize("size", [1, 2, 3])
def test_responses_are_uncorrelated_and_of_unit_variance(size):
    images = smooth_images()
    layer = PatchWhitening(size, epsilon=0.0)
    layer.adapt(images)
    found = layer(images).numpy()
    values = 3 * size * size
    assert found.shape == (200, 10 - size, 10 - size, 2 * values)
    responses = found.reshape(-1, 2 * values)[:, :values].astype("float64")
    moments = responses.T @ responses / len(responses)
    np.testing.assert_allclose(moments, np.eye(values), atol=1e-3)
    np.testing.assert_array_equal(found[..., :values], -found[..., values:])


def test_epsilon_keeps_small_what_hardly_varies():
    images = np.random.default_rng(0).normal(size=(100, 4, 4, 2)) * [1.0, 1e-4]
    layer = PatchWhitening(1, epsilon=1e-2)
    layer.adapt(images)
    variance = np.sort(layer(images).numpy()[..., :2].var((0, 1, 2)))
    # e / (e + epsilon) of e = 1e-8 and 1.
    np.testing.assert_allclose(variance, [1e-6, 0.99], rtol=0.1)


def test_filters_are_given_and_not_trained():
    layer = PatchWhitening()
    layer.adapt(smooth_images())
    assert not layer.trainable_variables
    assert [weight.name for weight in layer.non_trainable_variables] == ["kernel"]


def test_many_images_give_the_filters_of_all():
    images = smooth_images(300)
    one, other = PatchWhitening(), PatchWhitening()
    one.adapt(images)
    other.adapt(images[::-1])
    np.testing.assert_allclose(np.abs(one.kernel), np.abs(other.kernel), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "PatchWhitening: size is 0, expected a whole number above 0."),
        ({"size": 2.5}, "PatchWhitening: size is 2.5, expected a whole number above 0."),
        ({"epsilon": -1}, "PatchWhitening: epsilon is -1, expected 0 or more."),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(InputError) as error:
        PatchWhitening(**arguments)
    assert str(error.value) == message


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (3, 8, 8, 1)])
def test_filters_are_not_taken_from_images_of_another_kind(shape):
    layer = PatchWhitening()
    layer.build((None, 8, 8, 3))
    before = layer.kernel.numpy()
    with pytest.raises(InputError) as error:
        layer.adapt(np.zeros(shape, "float32"))
    assert str(error.value) == (
        "PatchWhitening: expected images of 3 channels, at least one, got an array of shape "
        f"{shape}."
    )
    np.testing.assert_array_equal(layer.kernel, before)


def test_is_float32_in_every_policy():
    layer = PatchWhitening(dtype="mixed_bfloat16")
    assert layer(np.zeros((1, 4, 4, 3), "float32")).dtype == "float32"


def test_images_of_unknown_size_are_refused():
    with pytest.raises(
        InputError, match=r"at least 2 pixels high and wide, got \(None, None, 8, 3\)"
    ):
        PatchWhitening().build((None, None, 8, 3))


def test_images_that_are_smaller_than_a_patch_are_refused():
    with pytest.raises(InputError) as error:
        PatchWhitening(3)(np.zeros((1, 2, 8, 3), "float32"))
    assert str(error.value) == (
        "PatchWhitening: expected images of shape (batch, height, width, channels), at least 3 "
        "pixels high and wide, got (1, 2, 8, 3)."
    )
