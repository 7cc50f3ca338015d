"""The papers' weight decay, and the learning rate by update."""

import keras
import numpy as np
import pytest

from coarse2fine.training import Config
from coarse2fine.training.optimizer import CoupledSGD, make_optimizer


def run_by_hand(weight, gradients, rate, momentum, decay, decay_steps):
    velocity = np.zeros_like(weight)
    for step, gradient in enumerate(gradients):
        if decay_steps is None or step < decay_steps:
            gradient = gradient + decay * weight
        velocity = momentum * velocity - rate * gradient
        weight = weight + velocity
    return weight


@pytest.mark.parametrize("decay_steps", [None, 0, 3])
def test_decay_joins_the_gradient_before_momentum(decay_steps):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 4)).astype("float32")
    gradients = rng.normal(size=(6, 3, 4)).astype("float32")
    variable = keras.Variable(start)
    optimizer = CoupledSGD(0.1, momentum=0.9, decay=0.05, decay_steps=decay_steps)
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    expected = run_by_hand(start, gradients, 0.1, 0.9, 0.05, decay_steps)
    np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5)


def test_equals_an_l2_penalty_of_half_the_decay():
    start = np.array([1.0, -2.0], "float32")
    first, second = keras.Variable(start), keras.Variable(start)
    coupled = CoupledSGD(0.1, momentum=0.9, decay=0.2)
    plain = keras.optimizers.SGD(0.1, momentum=0.9)
    for _ in range(5):
        coupled.apply([keras.ops.zeros(2)], [first])
        plain.apply([0.2 * second.value], [second])  # The gradient of 0.2 / 2 * w ** 2.
    np.testing.assert_allclose(first.numpy(), second.numpy(), rtol=1e-6)


def test_comes_back_from_its_config():
    optimizer = CoupledSGD(0.3, momentum=0.8, decay=0.1, decay_steps=7)
    again = CoupledSGD.from_config(optimizer.get_config())
    assert (again.momentum, again.decay, again.decay_steps) == (0.8, 0.1, 7)


def learning_rates(steps, **changes):
    config = Config(validation_fraction=0.0, learning_rate=0.2, **changes)
    optimizer = make_optimizer(config, steps)
    variable = keras.Variable(np.zeros(1, "float32"))
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.learning_rate))
        optimizer.apply([keras.ops.zeros(1)], [variable])
    return rates


def test_milestones_change_the_rate_at_their_share_of_the_updates():
    rates = learning_rates(10, schedule="milestones", milestones=((0.5, 0.1), (0.8, 0.01)))
    np.testing.assert_allclose(rates, [0.2] * 5 + [0.02] * 3 + [0.002] * 2, rtol=1e-6)


def test_cosine_falls_to_zero_after_its_warmup():
    rates = learning_rates(100, schedule="cosine", warmup=0.2)
    up, down = np.arange(20) / 20, 0.5 * (1 + np.cos(np.pi * np.arange(80) / 80))
    np.testing.assert_allclose(rates, 0.2 * np.concatenate([up, down]), rtol=1e-4, atol=1e-7)


def test_milestones_without_any_keep_the_rate():
    np.testing.assert_allclose(learning_rates(4, schedule="milestones"), [0.2] * 4, rtol=1e-6)
