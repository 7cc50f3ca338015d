"""How well one number ranks as another does, and how sure that is."""

import dataclasses

import numpy as np

from coarse2fine.errors import InputError

_LEAST = 3


@dataclasses.dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation of n points.

    Attributes:
        value: from -1 to 1.
        low: lower end of its bootstrap 95 % interval.
        high: upper end.
        n: number of points.
    """

    value: float
    low: float
    high: float
    n: int


def rank_correlation(
    x: np.ndarray, y: np.ndarray, num_resamples: int = 2000, seed: int = 0
) -> RankCorrelation:
    """Spearman's rank correlation with its percentile bootstrap 95 % interval.

    For the question whether a number that is cheap to get, such as the average confusion ratio,
    ranks data sets as the gain does that training on them would show.

        value = Pearson correlation of rank(x) and rank(y); equal values share their mean rank
        low, high = 2.5 and 97.5 % quantiles of the value over resamples

    A resample draws n of the n points with replacement. One in which all x or all y are equal has
    no correlation and is drawn again.

    Args:
        x: `(n,)` numbers.
        y: `(n,)` numbers.
        num_resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        InputError: fewer than 3 points, not as many x as y, numbers that are not finite, or x or y
            that are all equal.

    Example:
        >>> rank_correlation([1, 2, 3, 4], [10, 20, 40, 30]).value
        0.8
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    _check(x, y)
    if num_resamples < 1:
        raise InputError(f"num_resamples is {num_resamples}, expected 1 or more.")
    n = len(x)
    draw = np.random.default_rng(seed).multinomial
    shares = np.full(n, 1 / n)
    weights = draw(n, shares, num_resamples)
    resampled = _spearman(x, y, weights)
    while (is_undefined := np.isnan(resampled)).any():
        weights = draw(n, shares, is_undefined.sum())
        resampled[is_undefined] = _spearman(x, y, weights)
    value = _spearman(x, y, np.ones((1, n), np.int64))[0]
    low, high = np.quantile(resampled, (0.025, 0.975))
    return RankCorrelation(float(value), float(low), float(high), n)


def _check(x: np.ndarray, y: np.ndarray) -> None:
    if x.ndim != 1 or x.shape != y.shape:
        raise InputError(f"x has shape {x.shape} and y {y.shape}, expected (n,) for both.")
    if len(x) < _LEAST:
        raise InputError(f"A rank correlation of {len(x)} points, expected {_LEAST} or more.")
    for name, values in (("x", x), ("y", y)):
        if not np.isfinite(values).all():
            raise InputError(f"{name} holds numbers that are not finite.")
        if (values == values[0]).all():
            raise InputError(f"All {len(x)} {name} are {values[0]:g}: they have no ranks.")


def _spearman(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The correlation in each of r resamples; NaN where x or y are all equal.

    Args:
        x: `(n,)`.
        y: `(n,)`.
        weights: `(r, n)` how often each point is in a resample.
    """
    middle = (len(x) + 1) / 2
    dx, dy = (_ranks(values, weights) - middle for values in (x, y))
    products = ((weights * a * b).sum(-1) for a, b in ((dx, dy), (dx, dx), (dy, dy)))
    covariance, variance_x, variance_y = products
    with np.errstate(invalid="ignore"):
        return covariance / np.sqrt(variance_x * variance_y)


def _ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`(r, n)` mean ranks, from 1, of the points in each resample."""
    order = np.argsort(values, kind="stable")
    first = np.flatnonzero(np.append(True, np.diff(values[order]) > 0))
    # Values 5 3 5, weights 1 2 1: two 3s share the ranks 1 and 2, two 5s the ranks 3 and 4.
    counts = np.add.reduceat(weights[:, order], first, axis=1)
    mean_ranks = counts.cumsum(1) - (counts - 1) / 2
    return mean_ranks[:, np.unique(values, return_inverse=True)[1]]
