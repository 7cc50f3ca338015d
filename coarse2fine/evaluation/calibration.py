"""Probabilities that mean what they say: a temperature, and how far off they are."""

import numpy as np

from coarse2fine.errors import InputError

_BINS = 15
_HALVINGS = 60
_LARGEST = 100.0  # Of 1 / temperature and of temperature.


def fit_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T at which softmax(scores / T) gives the labels the highest likelihood.

    The negative logarithm of the likelihood is convex in 1 / T, and its slope

        mean over images of (sum over k of p[k] scores[k]) - scores[label]

    rises with 1 / T: the temperature is where it crosses 0, found by halving. Where it does not
    cross within 1/100 to 100, it is that end: of scores that are always right, 1/100.

    Args:
        scores: `(images, classes)` before softmax, of images that were not trained on.
        labels: `(images,)`.

    Returns:
        The temperature, a positive number.

    Raises:
        InputError: no image.

    Example:
        >>> scores = np.log([[0.9, 0.1]] * 4)  # Sure of 9 in 10, and right in 3 of 4.
        >>> round(fit_temperature(scores, np.array([0, 0, 0, 1])), 3)  # log 9 / log 3
        2.0

    Reference:
        Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017,
        section 4.2.
    """
    if not len(scores):
        raise InputError("There is no image to fit a temperature on.")
    scores = scores.astype(np.float64)
    # From the best one on, which changes no probability.
    scores -= scores.max(-1, keepdims=True)
    own = scores[np.arange(len(labels)), labels]

    def slope(inverse: float) -> float:
        weights = np.exp(inverse * scores)
        return float(((weights * scores).sum(-1) / weights.sum(-1) - own).mean())

    low, high = np.log(1 / _LARGEST), np.log(_LARGEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if slope(np.exp(middle)) > 0:
            high = middle
        else:
            low = middle
    return float(np.exp(-(low + high) / 2))


def probabilities(scores: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """`(images, classes)` float64 probabilities: softmax(scores / temperature)."""
    scores = scores.astype(np.float64) / temperature
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def expected_calibration_error(confidence: np.ndarray, is_right: np.ndarray) -> float:
    """How far confidence is from accuracy, on average over images, in 15 bins of equal width.

    The error is::

        sum over bins of (images in it / all images) |accuracy in it - mean confidence in it|

    Args:
        confidence: `(images,)` probabilities of the named classes.
        is_right: `(images,)` whether these are right.

    Example:
        >>> expected_calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
        0.4

    Reference:
        Naeini, Cooper, Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian
        Binning", AAAI 2015; the bins of Guo et al. 2017.
    """
    gaps = np.bincount(_bins(confidence), weights=is_right - confidence)
    return float(np.abs(gaps).sum() / len(confidence))


def reliability(confidence: np.ndarray, is_right: np.ndarray) -> list[tuple[float, float]]:
    """Mean confidence and accuracy in each bin that has an image, by rising confidence.

    Args:
        confidence: as of `expected_calibration_error`, whose bins these are.
        is_right: likewise.
    """
    bins = _bins(confidence)
    return [
        (float(confidence[bins == number].mean()), float(is_right[bins == number].mean()))
        for number in np.unique(bins)
    ]


def _bins(confidence: np.ndarray) -> np.ndarray:
    return np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
