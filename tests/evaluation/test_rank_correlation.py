"""Spearman's rank correlation and its bootstrap, against SciPy and plain resampling."""

import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.evaluation import rank_correlation


def random_points(seed, n, values):
    random = np.random.default_rng(seed)
    x = random.integers(0, values, n)
    return x, x + random.integers(0, values, n)


@pytest.mark.parametrize(("n", "values"), [(4, 100), (9, 4), (60, 1000), (200, 10)])
def test_the_value_is_scipys_with_and_without_ties(n, values):
    stats = pytest.importorskip("scipy.stats")
    x, y = random_points(0, n, values)
    assert rank_correlation(x, y).value == pytest.approx(stats.spearmanr(x, y).statistic)


def test_a_rising_relation_has_1_and_a_falling_one_minus_1_whatever_its_form():
    x = np.arange(12.0)
    rising, falling = rank_correlation(x, np.exp(x)), rank_correlation(x, -(x**3))
    assert (rising.value, rising.low, rising.high) == pytest.approx((1, 1, 1))
    assert (falling.value, falling.low, falling.high) == pytest.approx((-1, -1, -1))
    assert rising.n == falling.n == 12


def test_the_interval_is_that_of_plain_resampling():
    stats = pytest.importorskip("scipy.stats")
    x, y = random_points(1, 15, 20)
    random = np.random.default_rng(7)
    values = [
        stats.spearmanr(x[chosen], y[chosen]).statistic
        for chosen in random.integers(0, 15, (2000, 15))
    ]
    found = rank_correlation(x, y, num_resamples=20_000)
    # Two standard errors of a quantile of 2000 draws.
    assert (found.low, found.high) == pytest.approx(np.quantile(values, (0.025, 0.975)), abs=0.04)


def test_resamples_without_a_correlation_are_drawn_again():
    # Of three points, one resample in nine is one point only and some more hold a tie.
    found = rank_correlation([1, 2, 3], [1, 3, 2], num_resamples=500)
    assert np.isfinite([found.low, found.high]).all()
    assert (found.low, found.high) == pytest.approx((-1, 1))


def test_more_points_of_one_relation_narrow_the_interval():
    widths = []
    for n in (10, 100, 1000):
        found = rank_correlation(*random_points(2, n, 1000), num_resamples=300)
        widths.append(found.high - found.low)
    assert widths == sorted(widths, reverse=True)


def test_the_seed_decides_the_interval_and_nothing_else():
    x, y = random_points(3, 10, 50)
    first, second = rank_correlation(x, y, seed=0), rank_correlation(x, y, seed=1)
    assert first == rank_correlation(x, y, seed=0)
    assert first.value == second.value
    assert (first.low, first.high) != (second.low, second.high)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 2], [1, 2], "A rank correlation of 2 points, expected 3 or more."),
        ([1, 2, 3], [1, 2], "x has shape (3,) and y (2,), expected (n,) for both."),
        ([1, 1, 1], [1, 2, 3], "All 3 x are 1: they have no ranks."),
        ([1, 2, 3], [0.5, 0.5, 0.5], "All 3 y are 0.5: they have no ranks."),
        ([1, 2, np.nan], [1, 2, 3], "x holds numbers that are not finite."),
    ],
)
def test_points_without_a_correlation_are_refused(x, y, message):
    with pytest.raises(InputError) as error:
        rank_correlation(x, y)
    assert str(error.value) == message


def test_no_resamples_are_refused():
    with pytest.raises(InputError) as error:
        rank_correlation([1, 2, 3], [1, 2, 3], num_resamples=0)
    assert str(error.value) == "num_resamples is 0, expected 1 or more."
