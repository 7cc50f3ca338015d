"""Names beside points, where they hide neither a point nor each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coarse2fine.import_extra import import_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Lengths in points of typography.
_SIZE = 9.0
_MARKER = 8.0  # Side of the square around a point that is kept free.
_DISTANCES = (7, 14, 24, 38, 56)
_DIRECTIONS = 16


def write_names(
    figure: "Figure",
    axes: "Axes",
    points: np.ndarray,
    names: Sequence[str],
    colours: Sequence[str] | None = None,
) -> None:
    """Writes each point's name near it; a line leads to a name that had to move away.

    Each name in turn takes the first place, from near to far, that is free and inside the axes, or
    else the one that hides least. Call it last: places are found in the finished layout.

    Args:
        figure: with everything else drawn.
        axes: of the figure.
        points: `(n, 2)` in data coordinates.
        names: n of them.
        colours: of the names; black by default.
    """
    figure.draw_without_rendering()
    pixels = figure.dpi / 72
    frame = np.array(axes.get_window_extent().extents)
    anchors = axes.transData.transform(points)
    half = pixels * _MARKER / 2
    taken = np.concatenate([anchors - half, anchors + half], axis=1)
    offsets = pixels * _offsets()
    stroke = import_extra("matplotlib.patheffects").withStroke
    halo = [stroke(linewidth=2, foreground="white", alpha=0.7)]
    colours = ["black"] * len(names) if colours is None else colours
    for anchor, point, name, colour in zip(anchors, points, names, colours, strict=True):
        note = axes.annotate(
            name,
            tuple(point),
            (0, 0),
            textcoords="offset points",
            verticalalignment="bottom",
            size=_SIZE,
            color=colour,
            parse_math=False,
            path_effects=halo,
            zorder=5,
        )
        note.set_in_layout(False)
        extent = note.get_window_extent()
        boxes = _boxes(anchor, offsets, np.array([extent.width, extent.height]))
        hidden = _overlap(boxes, taken).sum(1) + _overhang(boxes, frame)
        best = int(hidden.argmin())
        taken = np.concatenate([taken, boxes[best : best + 1]])
        note.set_position(tuple((boxes[best, :2] - anchor) / pixels))
        if best >= _DIRECTIONS:
            nearest = np.clip(anchor, boxes[best, :2], boxes[best, 2:])
            ends = axes.transData.inverted().transform([anchor, nearest])
            axes.plot(
                ends[:, 0],
                ends[:, 1],
                color=colour,
                linewidth=0.6,
                zorder=4,
                scalex=False,
                scaley=False,
            )


def _offsets() -> np.ndarray:
    """`(places, 2)` from a point to its name: near first; right, left, above, below, aslant."""
    eighth = _DIRECTIONS // 8
    turns = sorted(range(_DIRECTIONS), key=lambda k: (k % (4 * eighth) > 0, k % (2 * eighth) > 0))
    angles = 2 * np.pi * np.array(turns) / _DIRECTIONS
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([distance * circle for distance in _DISTANCES])


def _boxes(anchor: np.ndarray, offsets: np.ndarray, size: np.ndarray) -> np.ndarray:
    """`(places, 4)`: left, bottom, right and top of a text at each place."""
    # A text to the right begins at its place, one to the left ends there, one above is centred.
    lengths = np.linalg.norm(offsets, axis=1, keepdims=True)
    lower = anchor + offsets + size * (offsets / lengths - 1) / 2
    return np.concatenate([lower, lower + size], axis=1)


def _overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """`(b, o)` areas that boxes share."""
    boxes = boxes[:, None]
    sides = np.minimum(boxes[..., 2:], others[:, 2:]) - np.maximum(boxes[..., :2], others[:, :2])
    return np.maximum(sides, 0).prod(-1)


def _overhang(boxes: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """`(b,)` areas of boxes outside of the frame."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return areas - _overlap(boxes, frame[None])[:, 0]
