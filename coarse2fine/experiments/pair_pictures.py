"""The pictures of pairs of runs: drawn together, and written below their folder."""

import itertools
import pathlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coarse2fine.errors import InputError
from coarse2fine.evaluation import figures
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.evaluation.pairs import Pair, find_pairs, find_runs, plain_pairs
from coarse2fine.evaluation.rank_correlation import RankCorrelation, rank_correlation
from coarse2fine.experiments.advise import published_evidence
from coarse2fine.experiments.chen2018 import find_published
from coarse2fine.experiments.write_picture import write_picture
from coarse2fine.training.workdir import Workdir

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_pairs(folder: str | pathlib.Path) -> list[pathlib.Path]:
    """Draws what the pairs of runs below a folder show, below `folder/figures`.

    For each pair whose accuracies were tracked, its curves; for pairs that differ in
    `data_fraction` alone, accuracy against it; and gain against ratio where that is defined.

    Raises:
        InputError: no pair of evaluated runs, and the message says why runs were left out; or
            pairs of which there is nothing to draw.
    """
    found = find_runs(folder)
    pairs = find_pairs(found.runs)
    if not pairs:
        raise InputError(
            " ".join(
                [
                    f"There is no pair of evaluated runs below {folder}: one with --labels=fine "
                    "and one with --labels=coarse, alike in all else.",
                    *found.left_out,
                ]
            )
        )
    written = []
    for pair, name in zip(pairs, _file_names(pairs), strict=True):
        if curves := accuracy_lines(pair):
            figure = figures.accuracy_curves(curves, title_of(pair))
            written.append(write_picture(figure, folder, f"curves_{name}"))
    groups = [group for group in _by_all_but_fraction(pairs) if len(group) > 1]
    for group, name in zip(groups, _file_names([group[-1] for group in groups]), strict=True):
        written.append(write_picture(fraction_figure(group), folder, f"fractions_{name}"))
    if any(pair.ratio is not None for pair in pairs):
        written.append(write_picture(_gain_figure(pairs), folder, "gain_against_ratio"))
    if not written:
        raise InputError(
            f"There is nothing to draw of the pairs of runs below {folder}: accuracies were not "
            "tracked (track_training_accuracy, track_test_accuracy), no two pairs differ in "
            "data_fraction alone, and every average confusion ratio is undefined."
        )
    return written


def _file_names(pairs: Sequence[Pair]) -> list[str]:
    """What the pictures of each pair are called; those that would be called alike are numbered."""
    names: list[str] = []
    for pair in pairs:
        name = first = re.sub(r"[\s/]", "_", pair.name)
        for number in itertools.count(2):
            if name not in names:
                break
            name = f"{first}_{number}"
        names.append(name)
    return names


def accuracy_lines(pair: Pair) -> list[figures.Line]:
    """The accuracies of the two runs by epoch, where they were tracked."""
    curves = []
    for name, run in (("fine labels", pair.fine), ("coarse labels", pair.coarse)):
        lines = Workdir(run.path).read_metrics()
        key = "coarse_top1" if run is pair.coarse else "coarse_top1_from_fine"
        parts = {
            part: np.array([line[f"{prefix}_{key}"] for line in lines])
            for part, prefix in (("training", "training_set"), ("test", "test"))
            if lines and all(f"{prefix}_{key}" in line for line in lines)
        }
        if parts:
            epochs = np.array([line["epoch"] for line in lines])
            curves.append(figures.Line(name, epochs, **parts))
    return curves


def title_of(pair: Pair) -> str:
    """What a picture of a pair is about: its task, or the data set where it names none."""
    config = pair.fine.config
    task = config.taxonomy or config.dataset
    share = "" if config.data_fraction == 1 else f", {config.data_fraction:g} of the images"
    return f"{task}{share}: coarse accuracy"


def _by_all_but_fraction(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Pairs that differ in their data fraction alone, by rising fraction."""
    groups: list[list[Pair]] = []
    for pair in sorted(pairs, key=lambda pair: pair.fine.config.data_fraction):
        for group in groups:
            if all(
                set(run.config.differing(other.config)) == {"data_fraction"}
                for run, other in ((pair.fine, group[0].fine), (pair.coarse, group[0].coarse))
            ):
                group.append(pair)
                break
        else:
            groups.append([pair])
    return groups


def fraction_figure(group: Sequence[Pair]) -> "Figure":
    """Draws pairs that differ in their data fraction alone, by rising fraction."""
    fractions = np.array([pair.fine.config.data_fraction for pair in group])
    lines = []
    for name, runs in (
        ("fine labels", [pair.fine for pair in group]),
        ("coarse labels", [pair.coarse for pair in group]),
    ):
        training = [run.training_accuracy for run in runs]
        published = [_published_accuracy(run) for run in runs]
        lines.append(
            figures.Line(
                name,
                fractions,
                training=None if None in training else np.array(training),
                test=np.array([run.coarse_accuracy for run in runs]),
                published=None if None in published else np.array(published) / 100,
            )
        )
    return figures.accuracy_against_fraction(lines, title_of(group[-1]))


def _published_accuracy(run: EvaluatedRun) -> float | None:
    published = find_published(run.config)
    is_coarse = run.config.labels == "coarse"
    return published.coarse_training if is_coarse else published.fine_training


def _gain_figure(pairs: Sequence[Pair]) -> "Figure":
    published = [
        figures.GainPoint(evidence.name, evidence.ratio, 100 * evidence.gain, is_published=True)
        for evidence in published_evidence()
    ]
    # As published pairs are: other pairs, and a run twice, would answer another question.
    plain = _gain_points(plain_pairs(pairs))
    return figures.gain_against_ratio(
        [*_gain_points(pairs), *published], correlation_of(plain), correlation_of(published)
    )


def _gain_points(pairs: Sequence[Pair]) -> list[figures.GainPoint]:
    return [
        figures.GainPoint(pair.name, pair.ratio, 100 * pair.gain)
        for pair in pairs
        if pair.ratio is not None
    ]


def correlation_of(points: Sequence[figures.GainPoint]) -> RankCorrelation | None:
    """Of gain and ratio; None where the points have none."""
    ratios, gains = (np.array([getattr(p, name) for p in points]) for name in ("ratio", "gain"))
    try:
        return rank_correlation(ratios, gains)
    except InputError:
        return None
