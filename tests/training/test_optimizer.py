"""The papers' weight decay, and the learning rate by update."""

import keras
import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.training import Config
from coarse2fine.training.coupled_sgd import CoupledSGD
from coarse2fine.training.optimizer import make_optimizer


def run_by_hand(weight, gradients, rate, momentum, decay, decay_steps=None, nesterov=False):
    velocity = np.zeros_like(weight)
    for step, gradient in enumerate(gradients):
        if decay_steps is None or step < decay_steps:
            gradient = gradient + decay * weight
        velocity = momentum * velocity - rate * gradient
        weight = weight + (momentum * velocity - rate * gradient if nesterov else velocity)
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


def test_nesterov_looks_ahead():
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 4)).astype("float32")
    gradients = rng.normal(size=(6, 3, 4)).astype("float32")
    config = Config(schedule="cosine", nesterov=True, weight_decay=0.05, learning_rate=0.1)
    optimizer, variable = make_optimizer(config, 10**9), keras.Variable(start)
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    expected = run_by_hand(start, gradients, 0.1, 0.9, 0.05, nesterov=True)
    np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("decay_on", ["all", "kernels"])
def test_biases_and_normalisations_decay_where_all_do(decay_on):
    config = Config(schedule="cosine", weight_decay=0.5, weight_decay_on=decay_on)
    optimizer = make_optimizer(config, 10)
    model = keras.Sequential(
        [keras.Input((4, 4, 2)), keras.layers.Conv2D(3, 1), keras.layers.BatchNormalization()]
    )
    for variable in model.trainable_variables:
        variable.assign(keras.ops.ones(variable.shape))
    optimizer.apply(
        [keras.ops.zeros(v.shape) for v in model.trainable_variables], model.trainable_variables
    )
    decayed = {v.name for v in model.trainable_variables if (v.numpy() < 1).all()}
    same = {v.name for v in model.trainable_variables if (v.numpy() == 1).all()}
    assert decayed == ({"kernel"} if decay_on == "kernels" else {"kernel", "bias", "gamma", "beta"})
    assert same == {"kernel", "bias", "gamma", "beta"} - decayed


def test_an_unknown_word_for_what_decays_lists_the_known_ones():
    with pytest.raises(InputError) as error:
        CoupledSGD(decay_on="weights")
    assert str(error.value) == "Unknown decay_on 'weights'. Known: all, kernels."


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
    optimizer = CoupledSGD(
        0.3, momentum=0.8, decay=0.1, decay_steps=7, warmup_steps=3, decay_on="kernels"
    )
    again = CoupledSGD.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    arguments = (again.momentum, again.decay, again.decay_steps, again.warmup_steps)
    assert (*arguments, again.decay_on) == (0.8, 0.1, 7, 3, "kernels")


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


def test_milestones_are_warmed_up_and_stay_where_they_are():
    rates = learning_rates(
        10, schedule="milestones", milestones=((0.5, 0.1), (0.8, 0.01)), warmup=0.3
    )
    expected = [0, 0.2 / 3, 0.4 / 3, 0.2, 0.2, *[0.02] * 3, *[0.002] * 2]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_a_rate_that_is_set_during_the_warmup_counts_after_it():
    optimizer = CoupledSGD(0.8, momentum=0.0, warmup_steps=4)
    weight, rates = keras.Variable([1.0]), []
    for step in range(6):
        if step == 2:
            optimizer.learning_rate = 0.4  # As a plateau does.
        rates.append(float(optimizer.learning_rate))
        optimizer.apply([keras.ops.ones(1)], [weight])
    np.testing.assert_allclose(rates, [0, 0.2, 0.2, 0.3, 0.4, 0.4], rtol=1e-6)
    np.testing.assert_allclose(weight.numpy(), [1 - sum(rates)], rtol=1e-5)


def test_onecycle_rises_and_falls_by_half_a_cosine():
    for rise, arguments in ((0.3, {}), (0.2, {"warmup": 0.2})):
        rates = learning_rates(50, schedule="onecycle", **arguments)
        up, down = round(50 * rise), round(50 * (1 - rise))
        rising = [0.2 / 25 + (0.2 - 0.2 / 25) * (1 - np.cos(np.pi * i / up)) / 2 for i in range(up)]
        least = 0.2 / 25 / 1e4
        falling = [least + (0.2 - least) * (1 + np.cos(np.pi * i / down)) / 2 for i in range(down)]
        np.testing.assert_allclose(rates, rising + falling, rtol=1e-4)
        assert np.argmax(rates) == up


def test_onecycle_without_a_rise_only_falls():
    rates = learning_rates(20, schedule="onecycle", warmup=0.0)
    assert rates[0] == pytest.approx(0.2)
    assert (np.diff(rates) < 0).all()


def test_milestones_without_any_keep_the_rate():
    np.testing.assert_allclose(learning_rates(4, schedule="milestones"), [0.2] * 4, rtol=1e-6)
