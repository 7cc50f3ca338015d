"""The plateau by itself: when it lowers the rate, what it keeps, and how it goes on."""

import json
import types

import keras
import numpy as np
import pytest

from coarse2fine.training.coupled_sgd import CoupledSGD
from coarse2fine.training.optimizer import learning_rate
from coarse2fine.training.plateau import Plateau
from coarse2fine.training.progress import Progress

STEPS_PER_EPOCH = 7


class Training:
    """Epochs of which only the metric and the optimizer are real."""

    def __init__(self, patience=2, factor=0.5, rate=0.8, step=0, state=None, restored_rate=None):
        self.optimizer = CoupledSGD(rate if restored_rate is None else restored_rate, momentum=0.0)
        self.progress = Progress(10**6, 100)
        self.progress.step = step
        self.plateau = Plateau("val_fine_top1", factor, patience, self.progress, rate)
        self.plateau.set_model(types.SimpleNamespace(optimizer=self.optimizer))
        self.plateau.state.update(state or {})

    def run(self, values, first_epoch=0):
        """The rate after each epoch."""
        rates = []
        for epoch, value in enumerate(values, first_epoch):
            for batch in range(STEPS_PER_EPOCH):
                self.progress.on_train_batch_end(batch)
            # Another metric, which gets better all the time, changes nothing.
            self.plateau.on_epoch_end(epoch, {"val_fine_top1": value, "fine_top1": epoch / 100})
            rates.append(learning_rate(self.optimizer))
        return rates


def by_hand(values, patience, factor, rate):
    """The rate after each epoch, and the changes with the number of updates done at each.

    Cut into stretches: one ends at a new best value, or after `patience` epochs without one.
    """
    rates, changes, stretch = [], [], 0
    for epoch, value in enumerate(values):
        stretch = 0 if value > max(values[:epoch], default=-1) else stretch + 1
        if stretch == patience:
            stretch, rate = 0, rate * factor
            changes.append([(epoch + 1) * STEPS_PER_EPOCH, rate])
        rates.append(rate)
    return rates, changes


def test_lowers_after_patience_epochs_without_a_better_value():
    training = Training(patience=2, factor=0.5, rate=0.8)
    # Better, worse, as good as the best: stalled. Then better, worse, worse: stalled again.
    rates = training.run([0.3, 0.2, 0.3, 0.4, 0.1, 0.2])
    np.testing.assert_allclose(rates, [0.8, 0.8, 0.4, 0.4, 0.4, 0.2], rtol=1e-6)


def test_waits_anew_after_a_change_and_remembers_the_best_value():
    training = Training(patience=2, factor=0.5, rate=0.8)
    # Nothing beats .9: each further two epochs are a stall, however they rise among themselves.
    rates = training.run([0.9, 0.1, 0.2, 0.3, 0.4, 0.5])
    np.testing.assert_allclose(rates, [0.8, 0.8, 0.4, 0.4, 0.2, 0.2], rtol=1e-6)


def test_an_accuracy_of_zero_in_the_first_epoch_is_a_value_to_beat():
    training = Training(patience=1, factor=0.5, rate=0.8)
    np.testing.assert_allclose(training.run([0.0, 0.0]), [0.8, 0.4], rtol=1e-6)


def test_keeps_the_updates_and_rates_of_its_changes_as_plain_values():
    training = Training(patience=1, factor=0.1, rate=1.0)
    training.run([0.5, 0.4, 0.6, 0.6])
    state = training.plateau.state
    assert json.loads(json.dumps(state)) == state
    assert (state["best"], state["waited"]) == (0.6, 0)
    # The second and the fourth epoch stalled.
    steps, rates = zip(*state["changes"], strict=True)
    assert steps == (2 * STEPS_PER_EPOCH, 4 * STEPS_PER_EPOCH)
    np.testing.assert_allclose(rates, [0.1, 0.01], rtol=1e-6)


def test_counts_updates_that_the_optimizer_left_out():
    training = Training(patience=1)
    training.run([0.5, 0.4])
    assert int(training.optimizer.iterations) == 0
    assert [step for step, _ in training.plateau.state["changes"]] == [2 * STEPS_PER_EPOCH]


def test_the_next_update_takes_the_lowered_rate():
    training = Training(patience=1, factor=0.5, rate=0.8)
    training.run([0.5, 0.4])
    weight = keras.Variable([1.0])
    training.optimizer.apply([keras.ops.ones(1)], [weight])
    np.testing.assert_allclose(weight.numpy(), [1 - 0.4], rtol=1e-6)


def test_lowers_the_rate_after_the_warmup_where_it_stalls_within_it():
    training = Training(patience=1, factor=0.5, rate=0.8)
    training.optimizer = CoupledSGD(0.8, momentum=0.0, warmup_steps=4 * STEPS_PER_EPOCH)
    training.plateau.set_model(types.SimpleNamespace(optimizer=training.optimizer))
    training.optimizer.iterations.assign(2 * STEPS_PER_EPOCH)  # Half of the warm-up.
    assert training.run([0.5, 0.4]) == pytest.approx([0.4, 0.2])
    assert training.plateau.state["changes"] == [[2 * STEPS_PER_EPOCH, 0.4]]


def random_case(seed):
    rng = np.random.default_rng(seed)
    values = (rng.integers(0, 8, 25) / 8).tolist()  # Few distinct values, so many tie.
    return values, {
        "patience": int(rng.integers(1, 5)),
        "factor": float(rng.choice([0.1, 0.5])),
        "rate": float(rng.choice([0.01, 1.0])),
    }


@pytest.mark.parametrize("seed", range(10))
def test_equals_the_rule_by_hand(seed):
    values, arguments = random_case(seed)
    training = Training(**arguments)
    rates, changes = by_hand(values, **arguments)
    np.testing.assert_allclose(training.run(values), rates, rtol=1e-5)
    np.testing.assert_allclose(training.plateau.state["changes"], changes, rtol=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_restored_after_any_epoch_it_goes_on_as_if_it_had_not_stopped(seed):
    values, arguments = random_case(seed)
    whole = Training(**arguments)
    rates = whole.run(values)
    for cut in range(1, len(values)):
        first = Training(**arguments)
        first.run(values[:cut])
        # A checkpoint holds the state as JSON, and the rate as a variable of the optimizer.
        saved = json.loads(json.dumps(first.plateau.state))
        second = Training(
            **arguments,
            step=first.progress.step,
            state=saved,
            restored_rate=learning_rate(first.optimizer),
        )
        assert second.run(values[cut:], first_epoch=cut) == rates[cut:]
        assert second.plateau.state == whole.plateau.state
