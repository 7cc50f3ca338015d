"""Where finer labels are likely to help."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coarse2fine.evaluation.advice import Advice, Estimate
from coarse2fine.evaluation.figures._canvas import COLOURS, GREY, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE = 0.22  # Inches a class.
_MOST_TICKS = 8  # Beyond these, labels would touch.


def advice_figure(advice: Advice, title: str = "") -> "Figure":
    """Draws each coarse class's confusion ratio and likely gain, those to label first at the top.

    Points are estimates, bars their 95 % intervals, and the uppermost row is the whole task. The
    scale of ratios is logarithmic: a ratio of 0 is an arrowhead at its left end. Classes of which
    the test set or the evidence cannot tell have no point.

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
    ratios = [ratio for _, ratio, _ in rows]
    ticks = _ticks(ratios)
    _draw_estimates(left, ratios, scale=1, least=ticks[0])
    _draw_estimates(right, [gain for _, _, gain in rows], scale=100, least=-np.inf)
    left.set_xscale("log")
    left.set_xlim(ticks[0], ticks[-1])
    left.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    left.set_xticks([], minor=True)
    has_zeros = any(ratio is not None and ratio.value == 0 for ratio in ratios)
    left.set_xlabel(f"average confusion ratio ({'arrowhead: 0' if has_zeros else 'no unit'})")
    right.set_xlabel("likely gain (percentage points)")
    right.axvline(0, color=GREY, linewidth=0.8)
    left.set_ylabel("coarse class")
    left.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=8)
    left.set_ylim(len(rows) - 0.5, -0.5)
    for axes in (left, right):
        axes.axhline(0.5, color=GREY, linewidth=0.8)
        axes.grid(axis="x", alpha=0.3)
        axes.tick_params(axis="x", labelsize=8)
    figure.suptitle(title)
    return figure


def _ticks(ratios: Sequence[Estimate | None]) -> list[float]:
    """1, 2 and 5 of each decade, from below all ratios above 0 to above them."""
    drawn = [x for r in ratios if r is not None for x in (r.value, r.low, r.high) if x > 0]
    least, greatest = (min(drawn), max(drawn)) if drawn else (0.2, 0.5)
    decades = np.arange(np.floor(np.log10(least)) - 1, np.ceil(np.log10(greatest)) + 2)
    steps: tuple[int, ...] = (1, 2, 5)
    if (np.log10(greatest / least) + 1) * len(steps) > _MOST_TICKS:
        steps = (1,)
    ticks = np.outer(10**decades, steps).ravel()
    first, last = np.flatnonzero(ticks < least)[-1], np.flatnonzero(ticks > greatest)[0]
    return ticks[first : last + 1].tolist()


def _draw_estimates(
    axes: "Axes", estimates: Sequence[Estimate | None], scale: float, least: float
) -> None:
    """Draws a row each; what is below `least`, which the axes begin with, stands there."""
    for row, estimate in enumerate(estimates):
        colour = COLOURS[0] if row == 0 else COLOURS[1]
        if estimate is not None:
            value, low, high = (
                max(least, scale * x) for x in (estimate.value, estimate.low, estimate.high)
            )
            # The value of a ratio need not lie within the interval of the resamples.
            axes.plot([low, high], [row, row], color=colour, linewidth=1.4)
            is_below = scale * estimate.value < least
            marker, size = ("<", 7) if is_below else ("o", 4)
            axes.plot(value, row, marker, color=colour, markersize=size, clip_on=not is_below)
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
