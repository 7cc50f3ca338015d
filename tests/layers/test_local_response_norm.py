import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.errors import InputError
from coarse2fine.layers import LocalResponseNorm

SETTINGS = [
    {"size": 5, "alpha": 0.7, "beta": 0.75, "k": 1.0},
    {"size": 3, "alpha": 5e-5, "beta": 0.75, "k": 1.0},
    {"size": 3, "alpha": 2.0, "beta": 0.5, "k": 2.0},
    {"size": 1, "alpha": 1.0, "beta": 1.0, "k": 0.1},
    {"size": 11, "alpha": 1.0, "beta": 1.0, "k": 1.0},  # wider than the map and its channels
]


def window_sum(values, size, mode):
    """Sum over each place's window, place by place; places outside count as zeros."""
    half = size // 2
    total = np.zeros_like(values)
    _, height, width, channels = values.shape
    if mode == "across_channels":
        for c in range(channels):
            total[..., c] = values[..., max(0, c - half) : c + half + 1].sum(axis=-1)
        return total
    for i in range(height):
        for j in range(width):
            window = values[:, max(0, i - half) : i + half + 1, max(0, j - half) : j + half + 1]
            total[:, i, j] = window.sum(axis=(1, 2))
    return total


def reference(x, upstream, size, alpha, beta, k, mode):
    """Caffe's forward and backward pass in float64.

    With s = k + a * (window sum of x^2), y = x s^-beta, and windows that contain each other's
    centres: dL/dx = g s^-beta - 2 a beta x * (window sum of g x s^(-beta-1)).
    """
    a = alpha / (size if mode == "across_channels" else size**2)
    s = k + a * window_sum(x**2, size, mode)
    inner = window_sum(upstream * x * s ** (-beta - 1), size, mode)
    return x * s**-beta, upstream * s**-beta - 2 * a * beta * x * inner


@pytest.mark.parametrize("mode", ["across_channels", "within_channel"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_equals_caffe_forward_and_backward(settings, mode):
    rng = np.random.default_rng(0)
    x, upstream = rng.normal(size=(2, 2, 5, 4, 7))
    expected, expected_gradient = reference(x, upstream, mode=mode, **settings)
    maps = tf.constant(x, "float32")
    with tf.GradientTape() as tape:
        tape.watch(maps)
        value = LocalResponseNorm(mode=mode, **settings)(maps)
    gradient = tape.gradient(value, maps, output_gradients=tf.constant(upstream, "float32"))
    np.testing.assert_allclose(value, expected, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-5, atol=1e-5)


def test_is_computed_in_float32_and_returned_in_the_compute_dtype():
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 6)) * 30
    x = tf.cast(x, "bfloat16")
    half = LocalResponseNorm(dtype="mixed_bfloat16")(x)
    full = LocalResponseNorm(dtype="float32")(tf.cast(x, "float32"))
    assert half.dtype == "bfloat16"
    np.testing.assert_array_equal(
        tf.cast(half, "float32"), tf.cast(tf.cast(full, "bfloat16"), "float32")
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"size": 4},
            "LocalResponseNorm: size must be an odd whole number of at least 1, got 4.",
        ),
        ({"alpha": -1.0}, "LocalResponseNorm: alpha must not be negative, got -1.0."),
        ({"k": 0}, "LocalResponseNorm: k must be positive, got 0."),
        (
            {"mode": "both"},
            "Unknown LocalResponseNorm mode 'both'. Known: across_channels, within_channel.",
        ),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(InputError) as error:
        LocalResponseNorm(**arguments)
    assert str(error.value) == message
