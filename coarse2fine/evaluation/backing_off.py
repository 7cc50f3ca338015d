"""Naming the fine class where it is sure enough, else the coarse class, else nothing."""

import dataclasses
import math
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from coarse2fine.errors import InputError
from coarse2fine.evaluation.calibration import (
    expected_calibration_error,
    fit_temperature,
    probabilities,
    reliability,
)
from coarse2fine.evaluation.predictions import Predictions
from coarse2fine.files import read_json, write_json

LEVELS = ("fine", "coarse")

NOTHING = -1

MISS = 0.1
"""The probability, over validation sets, that some bound does not hold."""

# Log odds from .05 to .9995 in equal steps: thresholds lie closest where confidence does.
_THRESHOLDS = 1 / (1 + np.exp(-np.linspace(-3.0, 7.6, 32)))
_HALVINGS = 50
_FOR_TEMPERATURES = 5  # Of so many images one.
_FEWEST = 20
_KEYS = (
    "temperatures",
    "thresholds",
    "bounds",
    "num_validation_images",
    "validation_chose",
    "views",
    "step",
)


@dataclasses.dataclass(frozen=True)
class Named:
    """What n images are named by.

    Attributes:
        level: `(n,)` 0 for fine, 1 for coarse, -1 for nothing.
        label: `(n,)` the class of that level, -1 for none.
    """

    level: np.ndarray
    label: np.ndarray

    def is_wrong(self, fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
        """`(n,)`: whether each is named, and by a class that it is not of."""
        truth = np.where(self.level == 0, fine, coarse)
        return (self.level != NOTHING) & (self.label != truth)


@dataclasses.dataclass(frozen=True)
class BackingOff:
    """Which error rates can be promised, and by which thresholds.

    With threshold t an image is named by its best fine class where that has a probability of t or
    more; else by its best coarse class where that has; else by nothing. Probabilities are those
    at each level's temperature.

    The bound of a threshold is the Clopper-Pearson upper limit, at level .1 / 32, of the error rate
    among what it names, from how many images of a validation set it names and how many of these
    wrongly. With a probability of .9 or more over such sets all 32 bounds hold together, so that
    any error rate may be asked for afterwards. That assumes that the images of the set were not
    trained on, had no part in the temperatures nor in the choice of settings, learning rates or a
    checkpoint, and that they and those to come are drawn independently from one distribution. A
    plateau, or the best checkpoint, chooses by them: then it is no promise, as `validation_chose`
    says.

    Attributes:
        temperatures: of each level that the model has.
        thresholds: `(32,)`, rising.
        bounds: `(32,)` of the error rate among what each names; 1 where it names nothing.
        num_validation_images: that the bounds were counted on.
        validation_chose: what of the run validation images chose, such as `learning rates`.

    Reference:
        Geifman, El-Yaniv, "Selective Classification for Deep Neural Networks", NIPS 2017, Theorem
        3.2, with a union over all thresholds in place of a search.
    """

    temperatures: dict[str, float]
    thresholds: np.ndarray
    bounds: np.ndarray
    num_validation_images: int = 0
    validation_chose: tuple[str, ...] = ()

    @classmethod
    def fit(cls, predictions: Predictions, validation_chose: tuple[str, ...] = ()) -> "BackingOff":
        """Temperatures from every fifth image, bounds from the others.

        Args:
            predictions: on images that were not trained on, in an order that says nothing about
                them; each with a fine label where the model has a fine head.
            validation_chose: of the run, by these images.

        Raises:
            InputError: fewer than 20 images.
        """
        if len(predictions.coarse) < _FEWEST:
            raise InputError(
                f"There are {len(predictions.coarse)} validation images, expected at least "
                f"{_FEWEST} to calibrate on. Train with a larger validation_fraction."
            )
        is_for_temperatures = np.arange(len(predictions.coarse)) % _FOR_TEMPERATURES == 0
        temperatures = {
            level: fit_temperature(scores[is_for_temperatures], labels[is_for_temperatures])
            for level, scores, labels in predictions.by_level()
        }
        unbounded = cls(temperatures, _THRESHOLDS, np.ones(len(_THRESHOLDS)))
        rest = predictions.of(~is_for_temperatures)
        named = [unbounded.name(rest, threshold) for threshold in _THRESHOLDS]
        bounds = upper_limits(
            np.array([each.is_wrong(rest.fine, rest.coarse).sum() for each in named]),
            np.array([(each.level != NOTHING).sum() for each in named]),
            MISS / len(_THRESHOLDS),
        )
        return cls(temperatures, _THRESHOLDS, bounds, len(rest.coarse), validation_chose)

    def save(self, path: pathlib.Path, views: int, step: int) -> None:
        """Writes JSON.

        Args:
            path: of the file.
            views: of each image that the predictions were made from.
            step: the updates that the model has behind it.
        """
        content = {
            **vars(self),
            "thresholds": self.thresholds.tolist(),
            "bounds": self.bounds.tolist(),
            "views": views,
            "step": step,
        }
        write_json(path, content)

    @classmethod
    def load(
        cls, path: pathlib.Path, views: int, step: int, levels: tuple[str, ...] = LEVELS
    ) -> "BackingOff":
        """Reads what `save` wrote.

        Args:
            path: of the file.
            views: as of `save`.
            step: likewise.
            levels: that the model has.

        Raises:
            InputError: a file that is missing or damaged, or was made of other views or weights.
        """
        content = read_json(path, _KEYS)
        if (content["views"], content["step"]) != (views, step):
            raise InputError(
                f"{path} is of {content['views']} views of each image and of the weights after "
                f"{content['step']} updates, expected {views} and {step}. Evaluate the run again "
                f"with --views={views} --error, or remove the file."
            )
        temperatures, thresholds, bounds, num_images, chose = (content[name] for name in _KEYS[:5])
        is_whole = (
            isinstance(temperatures, dict)
            and {*temperatures} == {*levels}
            and _are_numbers([*temperatures.values()])
            and min(temperatures.values()) > 0
            and all(isinstance(values, list) for values in (thresholds, bounds))
            and _are_numbers([*thresholds, *bounds])
            and len(thresholds) == len(bounds) > 0
            and isinstance(num_images, int)
            and isinstance(chose, list)
            and all(isinstance(name, str) for name in chose)
        )
        if not is_whole:
            raise InputError(f"{path} is damaged. Evaluate the run again with --error.")
        return cls(temperatures, np.array(thresholds), np.array(bounds), num_images, (*chose,))

    def threshold(self, error: float) -> float:
        """The lowest threshold whose bound is at most `error`; infinity where there is none."""
        check_error(error)
        fits = self.bounds <= error
        return float(self.thresholds[fits.argmax()]) if fits.any() else math.inf

    def name(self, predictions: Predictions, threshold: float) -> Named:
        """What a threshold names images by."""
        level = np.full(len(predictions.coarse), NOTHING)
        label = level.copy()
        for which, scores, _ in reversed([*predictions.by_level()]):
            sure = probabilities(scores, self.temperatures[which]).max(-1) >= threshold
            level[sure] = LEVELS.index(which)
            label[sure] = scores.argmax(-1)[sure]
        return Named(level, label)


def _are_numbers(values: list[Any]) -> bool:
    return all(isinstance(value, float) and math.isfinite(value) for value in values)


def check_error(error: float) -> None:
    """Raises `InputError` for what cannot be asked for as an error rate."""
    if not 0 < error < 1:
        raise InputError(f"error is {error}, expected more than 0 and less than 1.")


def report_on_calibration(
    backing_off: BackingOff, predictions: Predictions
) -> dict[str, dict[str, Any]]:
    """How well each level's probabilities say how often they are right.

    Args:
        backing_off: fitted on other images.
        predictions: on test images; those without a label of the level are left out.

    Returns:
        For each level that has labels its `temperature`; the expected calibration error before it,
        `error_before`, and after it, `error_after`; and `reliability`, pairs of mean confidence and
        accuracy after it.
    """
    report = {}
    for level, scores, labels in predictions.by_level():
        is_labelled = labels >= 0
        if not is_labelled.any():
            continue
        is_right = (scores.argmax(-1) == labels)[is_labelled]
        temperature = backing_off.temperatures[level]
        before, after = (
            probabilities(scores[is_labelled], each).max(-1) for each in (1.0, temperature)
        )
        report[level] = {
            "temperature": temperature,
            "error_before": expected_calibration_error(before, is_right),
            "error_after": expected_calibration_error(after, is_right),
            "reliability": reliability(after, is_right),
        }
    return report


def report_on_backing_off(
    backing_off: BackingOff, predictions: Predictions, error: float
) -> dict[str, Any]:
    """What is named at an asked error rate, and how much of that wrongly.

    Args:
        backing_off: fitted on other images.
        predictions: on test images. Those without a fine label are left out where the model has a
            fine head: what names them cannot be judged.
        error: the asked rate.

    Returns:
        `error` as asked; `threshold`, None where no rate can be promised; the shares of images
        named by their `fine` and by their `coarse` class, and by `nothing`; `error_rate`, of what
        is named, None where nothing is; `lowest_error`, the lowest rate that has a threshold, None
        where none has; and `num_validation_images` and `validation_chose`, as of `BackingOff`.
    """
    threshold = backing_off.threshold(error)
    if predictions.fine_scores is not None:
        predictions = predictions.of(predictions.fine >= 0)
    named = backing_off.name(predictions, threshold)
    is_wrong = named.is_wrong(predictions.fine, predictions.coarse)
    count = int((named.level != NOTHING).sum())
    lowest = float(backing_off.bounds.min())
    return {
        "error": error,
        "threshold": threshold if math.isfinite(threshold) else None,
        "fine": _share(named.level == 0),
        "coarse": _share(named.level == 1),
        "nothing": _share(named.level == NOTHING),
        "error_rate": int(is_wrong.sum()) / count if count else None,
        "lowest_error": lowest if lowest < 1 else None,
        "num_validation_images": backing_off.num_validation_images,
        "validation_chose": [*backing_off.validation_chose],
    }


def _share(is_true: np.ndarray) -> float | None:
    return float(is_true.mean()) if len(is_true) else None


def upper_limits(wrong: np.ndarray, count: np.ndarray, level: float) -> np.ndarray:
    """Clopper-Pearson upper limits of rates, from how often something happened.

    At its limit, `wrong` or fewer of `count` have a probability of `level`.

    Args:
        wrong: `(n,)` how often.
        count: `(n,)` of so many trials; of none, or where all were wrong, the limit is 1.
        level: the probability that a limit is too low.

    Example:
        >>> upper_limits(np.array([0]), np.array([100]), 0.05).round(4).tolist()
        [0.0295]
    """
    is_known = wrong < count
    wrong, count = (np.where(is_known, values, fill) for values, fill in ((wrong, 0), (count, 1)))
    low, high = wrong / count, np.ones(len(wrong))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        # The probability of `wrong` or fewer at the rate in the middle.
        parameters = (count - wrong, wrong + 1.0, 1 - middle)
        at_most = tf.math.betainc(*(tf.constant(value, tf.float64) for value in parameters))
        is_low = at_most.numpy() > level
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    return np.where(is_known, high, 1.0)
