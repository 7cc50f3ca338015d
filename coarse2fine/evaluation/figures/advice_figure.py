"""Where finer labels are likely to help."""

from typing import TYPE_CHECKING

import numpy as np

from coarse2fine.evaluation.advice import Advice, Estimate
from coarse2fine.evaluation.figures._canvas import COLOURS, GREY, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE = 0.22  # Inches a class.


def advice_figure(advice: Advice, title: str = "") -> "Figure":
    """Draws each coarse class's confusion ratio and likely gain, those to label first at the top.

    Points are estimates, bars their 95 % intervals, and the uppermost row is the whole task.
    Classes of which the test set or the evidence cannot tell have no point.

    Args:
        advice: as `make_advice` gives it.
        title: of the figure.
    """
    rows: list[tuple[str, Estimate | None, Estimate | None]] = [
        ("all classes", advice.ratio, advice.gain),
        *((row.name, row.ratio, row.gain) for row in advice.classes),
    ]
    figure = new_figure(height=1.6 + _LINE * len(rows))
    left, right = figure.subplots(1, 2, sharey=True)
    _draw_estimates(left, [ratio for _, ratio, _ in rows], scale=1)
    _draw_estimates(right, [gain for _, _, gain in rows], scale=100)
    left.set_xscale("log")
    for axis_ticks in (left.xaxis.set_major_formatter, left.xaxis.set_minor_formatter):
        axis_ticks("{x:g}")
    left.set_xlabel("average confusion ratio (no unit)")
    right.set_xlabel("likely gain (percentage points)")
    right.axvline(0, color=GREY, linewidth=0.8)
    left.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=8)
    left.set_ylim(len(rows) - 0.5, -0.5)
    for axes in (left, right):
        axes.axhline(0.5, color=GREY, linewidth=0.8)
        axes.grid(axis="x", alpha=0.3)
    figure.suptitle(title)
    return figure


def _draw_estimates(axes: "Axes", estimates: list[Estimate | None], scale: float) -> None:
    for row, estimate in enumerate(estimates):
        if estimate is not None:
            value, low, high = (scale * x for x in (estimate.value, estimate.low, estimate.high))
            colour = COLOURS[0] if row == 0 else COLOURS[1]
            # The value of a ratio need not lie within the interval of the resamples.
            axes.plot([low, high], [row, row], color=colour, linewidth=1.4)
            axes.plot(value, row, "o", color=colour, markersize=4)
        else:
            axes.text(
                0.5,
                row,
                "cannot tell",
                transform=axes.get_yaxis_transform(),
                ha="center",
                va="center",
                fontsize=8,
                color=GREY,
            )
    known = np.array([e.value for e in estimates if e is not None])
    if not len(known):
        axes.set_xlim(0.1, 1)
