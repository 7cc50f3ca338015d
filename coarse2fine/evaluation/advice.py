"""What finer labels are likely to bring, and where."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from coarse2fine.errors import InputError
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.evaluation.gain_line import Evidence, GainLine
from coarse2fine.evaluation.pairs import Pair, plain_pairs
from coarse2fine.evaluation.resampled_ratios import Ratios, resample_ratios
from coarse2fine.metrics import average_confusion_ratio

_NORMALIZE = "predicted"  # As the published ratios.
_INTERVAL = (0.025, 0.975)
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
        ratio: its own confusion ratio; None where the test set cannot tell.
        gain: likely gain in its accuracy, a fraction; None where the evidence does not reach.
        measured: the gain that the pair `Advice.own` measured; None without one.
        chance_first: share of the resampled test sets in which it is among the first
            `Advice.num_first`.
        reason: why a number is missing; empty where none is.
    """

    name: str
    num_images: int
    ratio: Estimate | None
    gain: Estimate | None
    measured: float | None
    chance_first: float
    reason: str


@dataclasses.dataclass(frozen=True)
class Measured:
    """A pair of runs: what its ratio let expect, and what was measured.

    Attributes:
        name: of the pair.
        ratio: of its run on fine labels; None where it is undefined.
        expected: gain that the evidence from other runs lets expect, a fraction; None where it does
            not reach, or without a ratio.
        gain: the gain that was measured, with the interval of `Pair.gain_interval`.
    """

    name: str
    ratio: float | None
    expected: Estimate | None
    gain: Estimate


@dataclasses.dataclass(frozen=True)
class Advice:
    """What finer labels are likely to bring to a task.

    Attributes:
        name: of the run.
        noise: its `fine_label_noise`.
        num_images: test images with a fine label.
        ratio: average confusion ratio of the run.
        gain: likely gain A_FC - A_CC, a fraction; None where the evidence does not reach.
        classes: the coarse classes, those to label finely first at the front.
        num_first: how many classes count as the first.
        own: the name of the plain pair that the run is of, if there is one.
        evidence: what the likely gains rest on.
        error: root mean square of the evidence's errors, each pair left out of the line in turn.
        measured: pairs of runs.
        left_out: why other runs beside this one could not be used.
    """

    name: str
    noise: float
    num_images: int
    ratio: Estimate
    gain: Estimate | None
    classes: tuple[ClassAdvice, ...]
    num_first: int
    own: str | None
    evidence: tuple[Evidence, ...]
    error: float
    measured: tuple[Measured, ...]
    left_out: tuple[str, ...] = ()


def make_advice(
    run: EvaluatedRun,
    published: Sequence[Evidence],
    pairs: Sequence[Pair] = (),
    left_out: Sequence[str] = (),
    num_resamples: int = 1000,
    seed: int = 0,
) -> Advice:
    """Advice from one evaluated run and what is known of others.

    The run's average confusion ratio is that of its test images; its interval is from resampling
    them. A line through published and measured pairs of ratio and gain says what gain such a ratio
    went with; the interval of a gain adds the line's errors at pairs that were left out of it. The
    gain of a coarse class is read off the same line at the class's own ratio, though the pairs are
    of whole tasks: it ranks classes, and is a guess as a number.

    A pair is evidence for a run or a pair that shares no network with it, and only where it
    `is_plain`.

    Args:
        run: has a fine head.
        published: pairs from papers.
        pairs: of runs, of this one too where both of its kinds were run.
        left_out: why other runs could not be used, to be passed on.
        num_resamples: of the test images, 1 or more.
        seed: of everything drawn.

    Raises:
        InputError: a run on coarse labels alone, a test set without fine labels, or a ratio that
            is undefined, or that resampled test sets may not have.
    """
    if num_resamples < 1:
        raise InputError(f"num_resamples is {num_resamples}, expected 1 or more.")
    if run.config.labels == "coarse":
        raise InputError(
            f"The run in {run.path} was trained on coarse labels alone: it cannot tell fine "
            "classes apart, so it does not show how they are confused. Give one that was trained "
            "with --labels=fine, mixed or oracle."
        )
    ratios, ratio = _ratios(run, num_resamples, seed)
    evidence = (*published, *_evidence(pairs, _workdirs_of(run, pairs)))
    line, rng = GainLine(evidence), np.random.default_rng((seed, 1))
    own = next((pair for pair in pairs if pair.is_plain and _is_same(pair.fine, run)), None)
    classes, num_first = _advise_classes(run, own, ratios, line, rng)
    return Advice(
        name=str(run.path),
        noise=run.config.fine_label_noise,
        num_images=int((run.decisions.fine >= 0).sum()),
        ratio=ratio,
        gain=_likely_gain(line, ratios.overall, rng),
        classes=classes,
        num_first=num_first,
        own=None if own is None else own.name,
        evidence=evidence,
        error=float(np.sqrt(np.mean(line.errors**2))),
        measured=tuple(
            _measure(pair, published, pairs, num_resamples, seed, rng) for pair in pairs
        ),
        left_out=tuple(left_out),
    )


def _ratios(run: EvaluatedRun, num_resamples: int, seed: int) -> tuple[Ratios, Estimate]:
    decisions, taxonomy = run.decisions, run.taxonomy
    has_fine = decisions.fine >= 0
    if not has_fine.any():
        raise InputError(
            f"No test image of the run in {run.path} has a fine label, so there is no confusion "
            "between fine classes to advise from."
        )
    ratios = resample_ratios(
        decisions.fine[has_fine], decisions.best_fine[has_fine], taxonomy, num_resamples, seed
    )
    if not np.isfinite(ratios.overall[0]):
        # Raises, and says why it is undefined.
        confusion = decisions.fine_confusion(taxonomy.num_fine)
        average_confusion_ratio(confusion, taxonomy.parent, _NORMALIZE)
    estimate = _estimate_ratio(ratios.overall)
    if estimate is None:
        undefined = int((~np.isfinite(ratios.overall)).sum())
        raise InputError(
            "So few test images are taken for a sibling of their class that the average confusion "
            f"ratio is undefined in {undefined} of {num_resamples} resampled test sets. Use a "
            "larger test set."
        )
    return ratios, estimate


def _estimate_ratio(ratios: np.ndarray) -> Estimate | None:
    """From the ratio of the test set and of its resamples; None where there is no upper end."""
    value, resampled = ratios[0], np.where(np.isnan(ratios[1:]), np.inf, ratios[1:])
    # Ends that are values of resamples: infinite ones take part.
    low, high = np.quantile(resampled, _INTERVAL, method="inverted_cdf")
    if not np.isfinite([value, high]).all():
        return None
    return Estimate(float(value), float(low), float(high))


def _likely_gain(line: GainLine, ratios: np.ndarray, rng: np.random.Generator) -> Estimate | None:
    """The line's gain at a ratio and its resamples; None where no evidence is near it."""
    if not line.covers(ratios[0]):
        return None
    # A resample's ratio may lie where there is no evidence: there it counts as the nearest.
    resampled = np.where(np.isnan(ratios[1:]), np.inf, ratios[1:])
    possible = line.predict(np.clip(resampled, line.least, line.greatest))
    possible = possible + rng.choice(line.errors, len(possible))
    low, high = np.quantile(possible, _INTERVAL)
    return Estimate(float(line.predict(np.array(ratios[0]))), float(low), float(high))


def _advise_classes(
    run: EvaluatedRun,
    own: Pair | None,
    ratios: Ratios,
    line: GainLine,
    rng: np.random.Generator,
) -> tuple[tuple[ClassAdvice, ...], int]:
    taxonomy = run.taxonomy
    num_first = math.ceil(taxonomy.num_coarse / _SHARE_FIRST)
    # Where nothing is confused there is nothing to gain: those stand last.
    ranks = np.where(np.isnan(ratios.by_class), -1.0, ratios.by_class)
    # Of equal ratios chance says which comes first, not the order of the classes.
    order = np.lexsort((rng.random(ranks[1:].shape), -ranks[1:]), axis=1)
    is_first = np.argsort(order, axis=1) < num_first
    chances = (is_first & ~np.isnan(ratios.by_class[1:])).mean(0)
    images = np.bincount(
        run.decisions.coarse[run.decisions.fine >= 0], minlength=taxonomy.num_coarse
    )
    measured = None if own is None else own.gain_by_class()
    advice = []
    for coarse in np.argsort(-ranks[0], kind="stable"):
        draws = ratios.by_class[:, coarse]
        ratio = _estimate_ratio(draws)
        gain = None if ratio is None else _likely_gain(line, draws, rng)
        reason = ""
        if len(taxonomy.children[coarse]) == 1:
            reason = "it has one fine class"
        elif ratio is None:
            reason = "too few test images are taken for a sibling of their class"
        elif gain is None:
            reason = (
                f"the ratio is beyond those of known pairs, {line.least:.3f} to {line.greatest:.3f}"
            )
        advice.append(
            ClassAdvice(
                taxonomy.coarse_names[coarse],
                int(images[coarse]),
                ratio,
                gain,
                None if measured is None or np.isnan(measured[coarse]) else float(measured[coarse]),
                float(chances[coarse]),
                reason,
            )
        )
    return tuple(advice), num_first


def _is_same(one: EvaluatedRun, other: EvaluatedRun) -> bool:
    return one.folder == other.folder


def _workdirs_of(run: EvaluatedRun, pairs: Sequence[Pair]) -> set[object]:
    """The run's workdir, and those of the runs that it is compared with."""
    own = [pair.coarse for pair in pairs if _is_same(pair.fine, run)]
    return {other.folder for other in (run, *own)}


def _evidence(pairs: Sequence[Pair], excluded: set[object]) -> list[Evidence]:
    """The pairs that tell something of another run: one for each run on fine labels."""
    others = [
        pair for pair in pairs if not {run.folder for run in (pair.fine, pair.coarse)} & excluded
    ]
    # The line is of the logarithm of the ratio.
    return [Evidence(p.name, p.ratio, p.gain) for p in plain_pairs(others) if p.ratio]


def _measure(
    pair: Pair,
    published: Sequence[Evidence],
    pairs: Sequence[Pair],
    num_resamples: int,
    seed: int,
    rng: np.random.Generator,
) -> Measured:
    expected = None
    if pair.ratio is not None:
        others = _evidence(pairs, _workdirs_of(pair.fine, pairs))
        expected = _likely_gain(
            GainLine([*published, *others]), np.full(1 + num_resamples, pair.ratio), rng
        )
    gain = Estimate(pair.gain, *pair.gain_interval(num_resamples, seed))
    return Measured(pair.name, pair.ratio, expected, gain)
