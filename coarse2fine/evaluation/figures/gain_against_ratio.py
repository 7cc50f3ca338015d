"""What fine labels bring, against how the confusions lie."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coarse2fine.errors import InputError, check_some
from coarse2fine.evaluation.figures._canvas import COLOURS, new_figure
from coarse2fine.evaluation.figures._names import write_names
from coarse2fine.evaluation.rank_correlation import RankCorrelation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MEASURED, _PUBLISHED = COLOURS[1], COLOURS[0]


@dataclasses.dataclass(frozen=True)
class GainPoint:
    """One data set, or one choice of its coarse classes.

    Attributes:
        name: written beside the point.
        ratio: average confusion ratio.
        gain: in percentage points: coarse accuracy after training on fine labels, less that after
            training on coarse ones.
        is_published: whether these are another's numbers, and not measured here.
    """

    name: str
    ratio: float
    gain: float
    is_published: bool = False


def gain_against_ratio(
    points: Sequence[GainPoint],
    measured: RankCorrelation | None = None,
    published: RankCorrelation | None = None,
    title: str = "",
) -> "Figure":
    """Draws gains against average confusion ratios (Chen 2018, Fig. 6 and 7).

    Measured points are filled, published ones hollow.

    Args:
        points: of the data sets.
        measured: rank correlation of the measured points, or of those that are like the published
            ones, for the legend.
        published: rank correlation of the published points.
        title: of the figure.

    Raises:
        InputError: no points, or numbers that are not finite.

    Example:
        >>> points = [GainPoint("CIFAR-100", 0.067, 0.01), GainPoint("dog/cat", 0.233, 1.99)]
        >>> gain_against_ratio(points).axes[0].get_xlabel()
        'average confusion ratio (no unit)'

    Reference:
        Chen, Ding, Chin, Marculescu, "Understanding the Impact of Label Granularity on CNN-based
        Image Classification", ICDM workshops 2018.
    """
    check_some("points", points)
    places = np.array([(point.ratio, point.gain) for point in points], np.float64)
    for point, place in zip(points, places, strict=True):
        if not np.isfinite(place).all():
            raise InputError(
                f"Point {point.name!r} has ratio {point.ratio} and gain {point.gain}, expected "
                "finite numbers."
            )
    figure = new_figure(height=5)
    axes = figure.add_subplot()
    axes.axhline(0, color="0.6", linewidth=0.8, zorder=1)
    is_published = np.array([point.is_published for point in points])
    kinds = (
        (~is_published, _MEASURED, "o", _MEASURED, _label("measured", measured)),
        (is_published, _PUBLISHED, "D", "none", _label("published", published)),
    )
    for is_kind, colour, marker, face, label in kinds:
        if is_kind.any():
            axes.plot(
                places[is_kind, 0],
                places[is_kind, 1],
                linestyle="",
                marker=marker,
                color=colour,
                markerfacecolor=face,
                label=label,
                zorder=3,
            )
    axes.set_xlabel("average confusion ratio (no unit)")
    axes.set_ylabel("gain by fine labels (percentage points)")
    axes.set_title(title)
    axes.margins(0.1)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", frameon=False)
    colours = [_PUBLISHED if point.is_published else _MEASURED for point in points]
    write_names(figure, axes, places, [point.name for point in points], colours)
    return figure


def _label(name: str, correlation: RankCorrelation | None) -> str:
    if correlation is None:
        return name
    return (
        f"{name}: Spearman's rank correlation {correlation.value:.2f} "
        f"(95 % {correlation.low:.2f} to {correlation.high:.2f}, n = {correlation.n})"
    )
