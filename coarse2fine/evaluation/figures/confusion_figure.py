"""Which classes a network takes for which."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coarse2fine.errors import InputError
from coarse2fine.evaluation.figures._canvas import new_figure
from coarse2fine.import_extra import import_extra
from coarse2fine.taxonomy import Taxonomy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_MOST_FINE_NAMES = 25
_SIDE = 5.0  # Inches of the matrix, or more where the names need it.
_LONGEST_SIDE = 30.0
_SIZE = 8.0  # Of the names, in points.
_LINE, _LETTER = 0.13, 0.067  # Inches that a line and a letter of a name take.
_DIAGONAL = "0.72"


def confusion_figure(confusion: np.ndarray, taxonomy: Taxonomy, title: str = "") -> "Figure":
    """Draws a fine confusion matrix, siblings side by side (Chen 2018, Fig. 5).

    Lines part the coarse classes, and a frame is around the confusions of siblings. The colour of
    a confusion grows with the logarithm of its count; the diagonal, the right predictions, is grey
    whatever its count. Up to 25 fine classes their names and all counts are written as well.

    Args:
        confusion: `(num_fine, num_fine)` counts, `[target, predicted]`, in the taxonomy's order.
        taxonomy: of the classes.
        title: of the figure.

    Raises:
        InputError: a matrix of another shape, or entries that are negative or not finite.

    Example:
        >>> pets = Taxonomy(("siamese", "beagle", "persian"), ("cat", "dog"), (0, 1, 0))
        >>> figure = confusion_figure(np.array([[8, 1, 3], [0, 9, 1], [4, 0, 8]]), pets)
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['siamese', 'persian', 'beagle']

    Reference:
        Chen, Ding, Chin, Marculescu, "Understanding the Impact of Label Granularity on CNN-based
        Image Classification", ICDM workshops 2018.
    """
    confusion = np.asarray(confusion)
    _check(confusion, taxonomy.num_fine)
    order = list(itertools.chain.from_iterable(taxonomy.children))
    edges = np.cumsum([0, *map(len, taxonomy.children)]) - 0.5
    middles = (edges[:-1] + edges[1:]) / 2
    least_gap = np.diff(middles, append=middles[-1] + len(order)).min()
    side = float(np.clip(_LINE * len(order) / least_gap, _SIDE, _LONGEST_SIDE))
    room = _LETTER * max(map(len, taxonomy.fine_names + taxonomy.coarse_names))
    figure = new_figure(height=side + room + 1, width=side + room + 1.6)
    axes = figure.add_subplot()
    _draw_cells(figure, axes, confusion[np.ix_(order, order)])
    _draw_blocks(axes, edges)
    sides = axes.xaxis, axes.yaxis
    names = [taxonomy.fine_names[f] for f in order]
    if len(order) <= _MOST_FINE_NAMES and names != list(taxonomy.coarse_names):
        _write_names(sides, np.arange(len(order)), names, side / len(order))
        sides = axes.secondary_xaxis("top").xaxis, axes.secondary_yaxis("right").yaxis
    _write_names(sides, middles, taxonomy.coarse_names, side * least_gap / len(order))
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(title)
    return figure


def _check(confusion: np.ndarray, num_fine: int) -> None:
    if confusion.shape != (num_fine, num_fine):
        raise InputError(
            f"confusion has shape {confusion.shape}, expected ({num_fine}, {num_fine}): one row "
            "and one column a fine class."
        )
    is_bad = ~(np.isfinite(confusion) & (confusion >= 0))
    if is_bad.any():
        raise InputError(f"confusion holds {confusion[is_bad][0]:g}, expected counts from 0 on.")


def _draw_cells(figure: "Figure", axes: "Axes", confusion: np.ndarray) -> None:
    colors = import_extra("matplotlib.colors")
    is_right = np.eye(len(confusion), dtype=bool)
    wrong = np.where(is_right, 0, confusion)
    most = max(2, wrong.max())
    image = axes.imshow(
        np.ma.masked_equal(wrong, 0), cmap="viridis_r", norm=colors.LogNorm(1, most)
    )
    grey = colors.ListedColormap([_DIAGONAL])
    axes.imshow(np.ma.masked_equal(is_right, False), cmap=grey)
    figure.colorbar(
        image,
        ax=axes,
        shrink=0.8,
        format="%g",
        label="images taken for another class (grey: right)",
    )
    if len(confusion) <= _MOST_FINE_NAMES:
        for row, column in np.argwhere(confusion):
            is_dark = wrong[row, column] > most**0.5
            axes.text(
                column,
                row,
                f"{confusion[row, column]:g}",
                size=7,
                ha="center",
                va="center",
                color="white" if is_dark else "black",
            )


def _draw_blocks(axes: "Axes", edges: np.ndarray) -> None:
    """Lines between coarse classes, and a frame around each one's own fine classes."""
    between = edges[1:-1]
    for draw in (axes.hlines, axes.vlines):
        draw(between, edges[0], edges[-1], color="0.55", linewidth=0.4)
    for start, stop in itertools.pairwise(edges):
        corners = [start, stop, stop, start, start], [start, start, stop, stop, start]
        axes.plot(*corners, color="black", linewidth=0.8, scalex=False, scaley=False)


def _write_names(
    axis_pair: tuple["Axis", "Axis"], places: np.ndarray, names: Sequence[str], room: float
) -> None:
    """Names on an x and a y axis, of which each has `room` inches."""
    size = min(_SIZE, 60 * room)
    fits = _LETTER * (max(map(len, names)) + 2) < room
    for axis, rotation in zip(axis_pair, (0 if fits else 90, 0), strict=True):
        axis.set_ticks(places, names, size=size, rotation=rotation, parse_math=False)
        axis.set_tick_params(length=0)
