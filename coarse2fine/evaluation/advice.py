"""What finer labels are likely to bring, and where."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from coarse2fine.errors import InputError
from coarse2fine.evaluation.gain_line import Evidence, GainLine
from coarse2fine.evaluation.pairs import EvaluatedRun, Pair
from coarse2fine.metrics import average_confusion_ratio, coarse_confusion_ratios

_NORMALIZE = "predicted"  # As the published ratios.
_INTERVAL = (0.025, 0.975)
_MOST_UNDEFINED = 0.05
_SHARE_FIRST = 4


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval.

    Attributes:
        value: the number.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class ClassAdvice:
    """What is likely for one coarse class.

    Attributes:
        name: of the coarse class.
        num_images: test images of it that have a fine label.
        ratio: its own average confusion ratio; None where the test set cannot tell.
        gain: likely gain in its accuracy, a fraction; None where the evidence does not reach.
        chance_first: share of the resampled test sets in which it is among the first
            `Advice.num_first`.
        reason: why a number is missing; empty where none is.
    """

    name: str
    num_images: int
    ratio: Estimate | None
    gain: Estimate | None
    chance_first: float
    reason: str


@dataclasses.dataclass(frozen=True)
class Measured:
    """A pair of runs: what its ratio let expect, and what was measured.

    Attributes:
        name: of the pair.
        ratio: of its run on fine labels.
        expected: gain that all other evidence lets expect, a fraction; None where it does not
            reach.
        gain: the gain that was measured.
    """

    name: str
    ratio: float
    expected: Estimate | None
    gain: Estimate


@dataclasses.dataclass(frozen=True)
class Advice:
    """What finer labels are likely to bring to a task.

    Attributes:
        name: of the run.
        num_images: test images with a fine label.
        ratio: average confusion ratio of the run.
        gain: likely gain A_FC - A_CC, a fraction; None where the evidence does not reach.
        classes: the coarse classes, those to label finely first at the front.
        num_first: how many classes count as the first.
        evidence: what the likely gains rest on.
        error: root mean square of the evidence's errors, each pair left out of the line in turn.
        measured: pairs of runs.
    """

    name: str
    num_images: int
    ratio: Estimate
    gain: Estimate | None
    classes: tuple[ClassAdvice, ...]
    num_first: int
    evidence: tuple[Evidence, ...]
    error: float
    measured: tuple[Measured, ...]


def make_advice(
    run: EvaluatedRun,
    published: Sequence[Evidence],
    pairs: Sequence[Pair] = (),
    num_resamples: int = 1000,
    seed: int = 0,
) -> Advice:
    """Advice from one evaluated run and what is known of others.

    The run's average confusion ratio is that of its test images; its interval is from resampling
    them. A line through published and measured pairs of ratio and gain says what gain such a ratio
    went with; the interval of a gain adds the line's errors at pairs that were left out of it.
    The gain of a coarse class is read off the same line at the class's own ratio, though the pairs
    are of whole tasks: it ranks classes, and is a guess as a number.

    Args:
        run: has a fine head.
        published: pairs from papers.
        pairs: of other runs, and of this one where both of its kinds were run. The run's own pair
            is no evidence for it.
        num_resamples: of the test images.
        seed: of the resamples.

    Raises:
        InputError: a run on coarse labels alone, a test set without fine labels, or a ratio that
            is undefined.
    """
    if run.config.labels == "coarse":
        raise InputError(
            f"The run in {run.path} was trained on coarse labels alone: it cannot tell fine "
            "classes apart, so it does not show how they are confused. Give one that was trained "
            "with --labels=fine, mixed or oracle."
        )
    confusions = _resampled_confusions(run, num_resamples, seed)
    parent = run.taxonomy.parent
    ratio = average_confusion_ratio(confusions(None), parent, _NORMALIZE)
    ratios = _defined_ratios(confusions, parent, num_resamples)
    own_ratio = Estimate(ratio, *_ends(ratios))
    evidence = (*published, *(_evidence(pair) for pair in pairs if not _is_of(pair, run)))
    line = GainLine(evidence)
    rng = np.random.default_rng(seed)
    classes, num_first = _advise_classes(run, confusions, num_resamples, line, rng)
    return Advice(
        name=str(run.path),
        num_images=int(confusions(None).sum()),
        ratio=own_ratio,
        gain=_likely_gain(line, ratio, ratios, rng),
        classes=classes,
        num_first=num_first,
        evidence=evidence,
        error=float(np.sqrt(np.mean(line.errors**2))),
        measured=tuple(_measure(pair, published, pairs, rng) for pair in pairs),
    )


def _resampled_confusions(
    run: EvaluatedRun, num_resamples: int, seed: int
) -> Callable[[int | None], np.ndarray]:
    """A function from a resample's number to its confusion matrix; of None to the test set's."""
    num_fine = run.taxonomy.num_fine
    cells, counts = np.unique(run.decisions.fine_cells(num_fine), return_counts=True)
    if not len(cells):
        raise InputError(
            f"No test image of the run in {run.path} has a fine label, so there is no confusion "
            "between fine classes to advise from."
        )
    # Resampling images resamples how many lie in each cell of the matrix.
    num_images = counts.sum()
    draws = np.random.default_rng(seed).multinomial(num_images, counts / num_images, num_resamples)

    def confusion(number: int | None) -> np.ndarray:
        matrix = np.zeros(num_fine**2, np.int64)
        matrix[cells] = counts if number is None else draws[number]
        return matrix.reshape(num_fine, num_fine)

    return confusion


def _defined_ratios(confusions: Any, parent: Any, num_resamples: int) -> np.ndarray:
    """The ratios of the resamples that have one."""
    ratios = []
    for number in range(num_resamples):
        # A resample may have lost what sibling confusion there was.
        try:
            ratios.append(average_confusion_ratio(confusions(number), parent, _NORMALIZE))
        except InputError:
            continue
    if len(ratios) < (1 - _MOST_UNDEFINED) * num_resamples:
        raise InputError(
            "So few test images are taken for a sibling of their class that the average confusion "
            f"ratio is undefined in {num_resamples - len(ratios)} of {num_resamples} resampled "
            "test sets. Use a larger test set."
        )
    return np.array(ratios)


def _ends(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, _INTERVAL)
    return float(low), float(high)


def _likely_gain(
    line: GainLine, ratio: float, ratios: np.ndarray, rng: np.random.Generator
) -> Estimate | None:
    """The line's gain at a ratio; None where no evidence is near it."""
    if not line.covers(ratio):
        return None
    # A resample's ratio may lie where there is no evidence: there it counts as the nearest.
    possible = line.predict(np.clip(ratios, line.least, line.greatest))
    possible = possible + rng.choice(line.errors, len(ratios))
    return Estimate(float(line.predict(np.array(ratio))), *_ends(possible))


def _advise_classes(
    run: EvaluatedRun,
    confusions: Any,
    num_resamples: int,
    line: GainLine,
    rng: np.random.Generator,
) -> tuple[tuple[ClassAdvice, ...], int]:
    taxonomy = run.taxonomy
    own = coarse_confusion_ratios(confusions(None), taxonomy.parent, _NORMALIZE).filled(np.nan)
    resampled = np.stack(
        [
            coarse_confusion_ratios(confusions(number), taxonomy.parent, _NORMALIZE).filled(np.nan)
            for number in range(num_resamples)
        ]
    )
    num_first = math.ceil(taxonomy.num_coarse / _SHARE_FIRST)
    # Undefined ratios stand last.
    places = np.argsort(np.argsort(-np.nan_to_num(resampled, nan=-1.0), axis=1), axis=1)
    chances = (places < num_first).mean(0)
    images = np.bincount(
        run.decisions.coarse[run.decisions.fine >= 0], minlength=taxonomy.num_coarse
    )
    advice = []
    for coarse, name in enumerate(taxonomy.coarse_names):
        draws = resampled[:, coarse]
        draws = draws[~np.isnan(draws)]
        ratio, gain = None, None
        if len(taxonomy.children[coarse]) == 1:
            reason = "it has one fine class"
        elif np.isnan(own[coarse]) or len(draws) < (1 - _MOST_UNDEFINED) * num_resamples:
            reason = "too few test images are taken for a sibling of their class"
        else:
            ratio = Estimate(float(own[coarse]), *_ends(draws))
            gain = _likely_gain(line, ratio.value, draws, rng)
            reason = "" if gain else _beyond(line)
        advice.append(
            ClassAdvice(name, int(images[coarse]), ratio, gain, float(chances[coarse]), reason)
        )
    advice.sort(key=lambda c: -math.inf if c.ratio is None else c.ratio.value, reverse=True)
    return tuple(advice), num_first


def _beyond(line: GainLine) -> str:
    return f"the ratio is beyond those of known pairs, {line.least:.3f} to {line.greatest:.3f}"


def _is_of(pair: Pair, run: EvaluatedRun) -> bool:
    return pair.fine.path.resolve() == run.path.resolve()


def _evidence(pair: Pair) -> Evidence:
    return Evidence(_name(pair), _ratio(pair), pair.gain)


def _ratio(pair: Pair) -> float:
    if pair.ratio is None:
        raise InputError(
            f"The average confusion ratio of the run in {pair.fine.path} is undefined."
        )
    return pair.ratio


def _name(pair: Pair) -> str:
    return f"{pair.fine.path.name} and {pair.coarse.path.name}"


def _measure(
    pair: Pair, published: Sequence[Evidence], pairs: Sequence[Pair], rng: np.random.Generator
) -> Measured:
    others = [_evidence(p) for p in pairs if p.fine.path != pair.fine.path]
    line = GainLine([*published, *others])
    ratio = _ratio(pair)
    return Measured(
        _name(pair),
        ratio,
        _likely_gain(line, ratio, np.array([ratio] * 1000), rng),
        Estimate(pair.gain, *pair.gain_interval()),
    )
