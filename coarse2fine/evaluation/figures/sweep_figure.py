"""Validation accuracy against a weight that is to be chosen."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coarse2fine.errors import InputError, check_some
from coarse2fine.evaluation.figures._canvas import COLOURS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class SweepPoint:
    """The runs with one value.

    Attributes:
        value: above 0.
        accuracies: on validation images, fractions, one a seed.
    """

    value: float
    accuracies: Sequence[float]


def sweep_figure(points: Sequence[SweepPoint], x_label: str, title: str = "") -> "Figure":
    """Draws accuracies against values on a log axis, the best one marked (Lei 2017, Fig. 5).

    Args:
        points: of the values; where some have several accuracies, their mean is drawn, and a bar
            over their range.
        x_label: says what the values are.
        title: of the figure.

    Raises:
        InputError: no points, values that are not above 0, or accuracies that are no fractions.

    Example:
        >>> points = [SweepPoint(0.1, [0.35]), SweepPoint(1, [0.37]), SweepPoint(10, [0.30])]
        >>> sweep_figure(points, "weight").axes[0].get_xscale()
        'log'

    Reference:
        Lei, Guo, Wang, "Weakly Supervised Image Classification with Coarse and Fine Labels",
        CRV 2017.
    """
    check_some("points", points)
    for point in points:
        given = np.asarray(point.accuracies, np.float64)
        if not (0 < point.value < np.inf and given.size and ((given >= 0) & (given <= 1)).all()):
            raise InputError(
                f"A point has value {point.value} and accuracies {list(point.accuracies)}, "
                "expected a value above 0 and fractions from 0 to 1."
            )
    points = sorted(points, key=lambda point: point.value)
    values = np.array([point.value for point in points])
    means = np.array([100 * np.mean(point.accuracies) for point in points])
    low = means - [100 * min(point.accuracies) for point in points]
    high = [100 * max(point.accuracies) for point in points] - means
    best = int(np.argmax(means))
    figure = new_figure(height=4)
    axes = figure.add_subplot()
    axes.errorbar(values, means, yerr=[low, high], color=COLOURS[1], marker="o", capsize=3)
    axes.plot(
        values[best],
        means[best],
        color=COLOURS[0],
        marker="*",
        markersize=16,
        linestyle="",
        label=f"best: {values[best]:g}, {means[best]:.2f} %",
    )
    axes.set_xscale("log")
    axes.set_xlabel(x_label)
    axes.set_ylabel("validation accuracy (%)")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure
