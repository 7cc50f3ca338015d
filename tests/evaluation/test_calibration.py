"""Temperatures, calibration errors, and the promise of backing off."""

import math

import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.evaluation.backing_off import BackingOff, report_on_backing_off, upper_limits
from coarse2fine.evaluation.calibration import (
    expected_calibration_error,
    fit_temperature,
    probabilities,
)
from coarse2fine.evaluation.predictions import Predictions


def drawn(count, temperature, seed=0, classes=6):
    """Scores whose softmax at `temperature` is what the labels are drawn from."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(count, classes)) * 4
    shares = probabilities(scores, 1.0)
    labels = (shares.cumsum(-1) > rng.random((count, 1))).argmax(-1)
    return (scores * temperature).astype(np.float32), labels


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_is_that_of_the_labels(temperature):
    assert fit_temperature(*drawn(20_000, temperature)) == pytest.approx(temperature, rel=0.05)


def test_no_other_temperature_makes_the_labels_likelier():
    scores, labels = drawn(500, 1.7)

    def loss(temperature):
        shares = probabilities(scores, temperature)
        return -np.log(shares[np.arange(len(labels)), labels]).mean()

    best = fit_temperature(scores, labels)
    assert loss(best) < min(loss(best * 1.01), loss(best / 1.01))


def test_large_scores_and_scores_that_are_always_right_have_a_temperature():
    scores, labels = drawn(500, 1.7)
    assert fit_temperature(scores + 1e6, labels) == pytest.approx(
        fit_temperature(scores, labels), rel=0.1
    )
    assert fit_temperature(np.eye(3) * 5, np.arange(3)) == pytest.approx(0.01)
    assert fit_temperature(np.eye(3) * 5, np.arange(3)[::-1] * 0 + [1, 2, 0]) == pytest.approx(100)
    with pytest.raises(InputError, match=r"^There is no image to fit a temperature on\.$"):
        fit_temperature(np.zeros((0, 3)), np.zeros(0, int))


def test_the_calibration_error_is_the_mean_gap_of_bins():
    # Bins of 1/15: .05 and .06 lie in the first one, 1 in the last one.
    confidence = np.array([0.05, 0.06, 0.7, 1.0])
    is_right = np.array([True, False, False, True])
    gaps = [abs(1 - 0.11), 0.7, 0.0]
    assert expected_calibration_error(confidence, is_right) == pytest.approx(sum(gaps) / 4)


def test_drawn_labels_are_calibrated_at_their_temperature_alone():
    scores, labels = drawn(20_000, 3.0)

    def error(temperature):
        shares = probabilities(scores, temperature)
        return expected_calibration_error(shares.max(-1), shares.argmax(-1) == labels)

    assert error(fit_temperature(scores, labels)) < 0.015 < 0.1 < error(1.0)


@pytest.mark.parametrize(("wrong", "count"), [(0, 30), (3, 50), (49, 50), (100, 4000)])
@pytest.mark.parametrize("level", [0.1, 0.003])
def test_the_upper_limit_leaves_so_few_wrong_ones_its_level(wrong, count, level):
    limit = upper_limits(np.array([wrong]), np.array([count]), level)[0]
    terms = [
        math.lgamma(count + 1)
        - math.lgamma(k + 1)
        - math.lgamma(count - k + 1)
        + k * math.log(limit)
        + (count - k) * math.log1p(-limit)
        for k in range(wrong + 1)
    ]
    assert sum(map(math.exp, terms)) == pytest.approx(level, rel=1e-6)


def test_what_names_nothing_or_nothing_right_has_no_limit_below_1():
    limits = upper_limits(np.array([0, 7, 0]), np.array([0, 7, 7]), 0.1)
    assert limits[:2].tolist() == [1.0, 1.0]
    assert limits[2] < 1


# Fine classes 0 to 5 with parents 0, 0, 1, 1, 2, 2.
def two_levels(count, seed):
    scores, fine = drawn(count, 2.0, seed)
    shares = probabilities(scores, 2.0)
    coarse_scores = np.log(shares.reshape(count, 3, 2).sum(-1)).astype(np.float32)
    return Predictions(scores, coarse_scores, fine, fine // 2)


def test_the_finest_level_that_is_sure_enough_is_named():
    both = Predictions(
        fine_scores=np.log([[0.7, 0.2, 0.1], [0.45, 0.45, 0.1], [0.4, 0.3, 0.3]]),
        coarse_scores=np.log([[0.9, 0.1], [0.9, 0.1], [0.55, 0.45]]),
        fine=np.array([0, 1, 2]),
        coarse=np.array([0, 0, 1]),
    )
    backing_off = BackingOff({"fine": 1.0, "coarse": 1.0}, np.zeros(1), np.ones(1))
    named = backing_off.name(both, 0.6)
    assert named.level.tolist() == [0, 1, -1]
    assert named.label.tolist() == [0, 0, -1]
    assert named.is_wrong(both.fine, both.coarse).tolist() == [False, False, False]
    all_named = backing_off.name(both, 0.2)
    assert all_named.level.tolist() == [0, 0, 0]
    assert all_named.is_wrong(both.fine, both.coarse).tolist() == [False, True, True]
    assert (backing_off.name(both, math.inf).level == -1).all()


@pytest.mark.parametrize("error", [0.1, 0.2, 0.3])
def test_the_error_rate_stays_below_the_asked_one_in_nine_sets_of_ten(error):
    to_come = two_levels(50_000, seed=1000)
    misses, shares = 0, []
    for seed in range(30):
        backing_off = BackingOff.fit(two_levels(2000, seed))
        named = backing_off.name(to_come, backing_off.threshold(error))
        is_named = named.level >= 0
        shares.append(is_named.mean())
        if is_named.any():
            rate = named.is_wrong(to_come.fine, to_come.coarse).sum() / is_named.sum()
            misses += rate > error
    assert misses <= 3
    assert np.mean(shares) > 0.2, "a promise that names something"


def test_a_coarse_head_alone_backs_off_to_nothing():
    both = two_levels(2000, seed=0)
    coarse = Predictions(None, both.coarse_scores, both.fine, both.coarse)
    backing_off = BackingOff.fit(coarse)
    assert list(backing_off.temperatures) == ["coarse"]
    named = backing_off.name(coarse, backing_off.threshold(0.05))
    assert set(named.level.tolist()) == {-1, 1}


def test_an_error_rate_that_cannot_be_promised_names_nothing():
    backing_off = BackingOff({}, np.array([0.5, 0.9]), np.array([0.3, 0.1]))
    assert backing_off.threshold(0.3) == 0.5
    assert backing_off.threshold(0.29) == 0.9
    assert backing_off.threshold(0.05) == math.inf


def test_a_report_says_how_low_a_rate_can_be_promised_and_from_how_many_images():
    backing_off = BackingOff.fit(two_levels(2000, 0))
    report = report_on_backing_off(backing_off, two_levels(50, 1), error=0.001)
    assert report["threshold"] is None
    lowest = report["lowest_error"]
    assert math.isfinite(backing_off.threshold(lowest))
    assert backing_off.threshold(lowest - 1e-9) == math.inf
    assert report["num_validation_images"] == 1600, "a fifth is for the temperatures"
    no_bound = BackingOff(backing_off.temperatures, np.ones(1), np.ones(1))
    few = report_on_backing_off(no_bound, two_levels(50, 1), 0.5)
    assert few["lowest_error"] is None


@pytest.mark.parametrize("error", [0, 1, -0.1, float("nan")])
def test_refuses_an_error_rate_that_is_none(error):
    backing_off = BackingOff({}, np.ones(1), np.ones(1))
    message = rf"^error is {error}, expected more than 0 and less than 1\.$"
    with pytest.raises(InputError, match=message):
        backing_off.threshold(error)


def test_refuses_too_few_images_to_calibrate_on():
    with pytest.raises(InputError) as error:
        BackingOff.fit(two_levels(19, 0))
    assert str(error.value) == (
        "There are 19 validation images, expected at least 20 to calibrate on. Train with a larger "
        "validation_fraction."
    )
