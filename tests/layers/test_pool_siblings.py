"""Mean, soft minimum and log-sum-exp over siblings, against one family after the other."""

import numpy as np
import pytest
import tensorflow as tf
from test_min_pool_coarse import cases, random_taxonomy, value_and_gradient

from coarse2fine.errors import InputError
from coarse2fine.layers import (
    LogSumExpCoarse,
    MeanPoolCoarse,
    MinPoolCoarse,
    SoftMinPoolCoarse,
)


def per_family(reduce, maps, parent):
    """`reduce` of `(.., children)` for each family: the definition."""
    families = [np.flatnonzero(parent == c) for c in range(parent.max() + 1)]
    return tf.stack([reduce(tf.gather(maps, f, axis=-1)) for f in families], axis=-1)


def mean(children):
    return tf.reduce_mean(children, -1)


def soft_min(children, temperature=0.7):
    number = tf.cast(tf.shape(children)[-1], children.dtype)
    total = tf.reduce_logsumexp(-children / temperature, -1)
    return -temperature * (total - tf.math.log(number))


def log_sum_exp(children):
    return tf.reduce_logsumexp(children, -1)


DEFINITIONS = {
    MeanPoolCoarse: mean,
    SoftMinPoolCoarse: soft_min,
    LogSumExpCoarse: log_sum_exp,
}


def make(kind, parent, dtype="float32"):
    arguments = {"temperature": 0.7} if kind is SoftMinPoolCoarse else {}
    return kind(parent, dtype=dtype, **arguments)


@pytest.mark.parametrize("parent", cases())
@pytest.mark.parametrize("kind", DEFINITIONS)
def test_value_and_gradient_are_those_of_one_family_after_the_other(kind, parent):
    rng = np.random.default_rng(len(parent))
    maps = tf.constant(rng.normal(size=(2, 3, 2, len(parent))), "float32")
    upstream = tf.constant(rng.normal(size=(2, 3, 2, parent.max() + 1)), "float32")
    expected = value_and_gradient(
        lambda x: per_family(DEFINITIONS[kind], x, parent), maps, upstream
    )
    found = value_and_gradient(make(kind, parent), maps, upstream)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [MeanPoolCoarse, SoftMinPoolCoarse])
def test_of_bfloat16_maps_sums_are_float32(kind):
    rng = np.random.default_rng(0)
    parent = np.zeros(200, int)
    maps = tf.cast(rng.normal(size=(4, 200)), "bfloat16")
    value = make(kind, parent, "bfloat16")(maps)
    assert value.dtype == "bfloat16"
    exact = per_family(DEFINITIONS[kind], tf.cast(maps, "float32"), parent)
    np.testing.assert_array_equal(value, tf.cast(exact, "bfloat16"))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0])
def test_the_soft_minimum_goes_from_the_minimum_to_the_mean(scale):
    parent = random_taxonomy(0)
    maps = tf.constant(np.random.default_rng(0).normal(size=(5, len(parent))) * scale, "float32")
    low, high = (SoftMinPoolCoarse(parent, temperature=t * scale)(maps) for t in (1e-6, 1e9))
    np.testing.assert_allclose(low, MinPoolCoarse(parent)(maps), atol=1e-4 * scale)
    np.testing.assert_allclose(high, MeanPoolCoarse(parent)(maps), atol=1e-5 * scale)


@pytest.mark.parametrize("temperature", [1e-30, 0.01, 1.0, 1e30])
def test_the_soft_minimums_gradient_is_finite_and_sums_to_one(temperature):
    maps = tf.constant([[0.0, 1e4, -1e4, 3.0, 3.0]])
    layer = SoftMinPoolCoarse([0, 0, 0, 1, 1], temperature=temperature)
    value, gradient = value_and_gradient(layer, maps, tf.ones((1, 2)))
    assert np.isfinite(value).all()
    np.testing.assert_allclose(np.sum(gradient[:, :3]), 1.0, rtol=1e-5)
    np.testing.assert_allclose(gradient[0, 3:], [0.5, 0.5], rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_a_coarse_probability_is_the_sum_of_its_childrens(scale):
    parent = random_taxonomy(3)
    scores = np.random.default_rng(1).normal(size=(100, len(parent))) * scale
    scores = tf.constant(scores, "float32")
    coarse = tf.nn.softmax(LogSumExpCoarse(parent)(scores))
    summed = per_family(lambda p: tf.reduce_sum(p, -1), tf.nn.softmax(scores), parent)
    np.testing.assert_allclose(coarse, summed, atol=1e-6)


def test_log_sum_exp_is_float32_in_every_policy():
    assert make(LogSumExpCoarse, [0, 0, 1], "mixed_bfloat16")(tf.zeros((1, 3))).dtype == "float32"


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_gradients_use_no_operation_that_adds_in_no_fixed_order(kind):
    layer = make(kind, random_taxonomy(0))

    @tf.function
    def gradient(maps):
        return value_and_gradient(layer, maps, None)[1]

    graph = gradient.get_concrete_function(tf.TensorSpec((None, 60))).graph
    kinds = {operation.type for operation in graph.get_operations()}
    assert "GatherV2" in kinds
    assert not [kind for kind in kinds if "Scatter" in kind or "Segment" in kind]


@pytest.mark.parametrize("temperature", [0.0, -1.0, 1e-40, 1e39, float("inf"), float("nan")])
def test_a_temperature_that_is_none_is_refused(temperature):
    with pytest.raises(InputError) as error:
        SoftMinPoolCoarse([0, 0], temperature=temperature)
    assert str(error.value) == (
        f"SoftMinPoolCoarse: temperature is {temperature}, expected from 1e-30 to 1e30."
    )


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_messages_name_the_layer(kind):
    with pytest.raises(InputError, match=rf"^{kind.__name__}: coarse class 0 has no child\. "):
        make(kind, [1, 1])
    with pytest.raises(InputError, match=rf"^{kind.__name__}: expected class maps of shape"):
        make(kind, [0, 0, 1])(tf.ones((2, 5)))
