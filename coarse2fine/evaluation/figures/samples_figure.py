"""What the images of a data set look like."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from coarse2fine.data.samples import ClassSamples, Sample
from coarse2fine.errors import check_some
from coarse2fine.evaluation.figures._canvas import GREY, WIDTH, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches.
_MARGIN = 0.1
_NAMES = 1.3  # Room for the names of coarse classes.
_GAP = 0.06
_TEXT = 0.32  # Room for the two lines below an image.
_TITLE = 0.4

_FEWEST_COLUMNS = 8  # Fewer images are drawn in the size of so many.

_SIZE = 7.0  # Points of the names.
_LETTER = 0.58 * _SIZE / 72  # Inches that a letter takes.
_NO_FINE = "(coarse only)"
_UNREADABLE = "cannot\nbe read"


def samples_figure(rows: Sequence[ClassSamples], title: str = "") -> "Figure":
    """Draws images of coarse classes, a row each, with the names of their fine classes.

    Args:
        rows: as `draw_samples` gives them. An image that is None is a grey field that says so.
        title: of the figure.

    Raises:
        InputError: no class.

    Example:
        >>> import numpy as np
        >>> image = np.zeros((32, 32, 3), np.uint8)
        >>> cats = ClassSamples("cat", (Sample(image, "siamese"), Sample(image, None)))
        >>> [text.get_text() for text in samples_figure([cats]).axes[0].texts]
        ['cat', 'siamese', '(coarse only)']
    """
    check_some("classes", rows)
    num_columns = max(_FEWEST_COLUMNS, *(len(row.samples) for row in rows))
    side = (WIDTH - 2 * _MARGIN - _NAMES) / num_columns - _GAP
    height = len(rows) * (side + _TEXT)
    figure = new_figure(height=height + _TITLE)
    axes = figure.add_subplot(aspect="equal")
    axes.set_axis_off()
    for row, of_class in enumerate(rows):
        top = row * (side + _TEXT)
        _write(axes, 0, top + side / 2, of_class.coarse_name, _NAMES - 0.1, 4, va="center")
        for column, sample in enumerate(of_class.samples):
            left = _NAMES + column * (side + _GAP)
            _draw_image(axes, left, top, side, sample)
            name = _NO_FINE if sample.fine_name is None else sample.fine_name
            _write(axes, left, top + side + 0.03, name, side, 2, va="top")
    axes.set_xlim(0, WIDTH - 2 * _MARGIN)
    axes.set_ylim(height, 0)
    axes.set_title(title, size=10, parse_math=False)
    return figure


def _draw_image(axes: "Axes", left: float, top: float, side: float, sample: Sample) -> None:
    extent = (left, left + side, top + side, top)
    if sample.image is not None:
        axes.imshow(sample.image, cmap="gray", vmin=0, vmax=255, extent=extent)
        return
    axes.fill_between([left, left + side], top, top + side, color=GREY, alpha=0.3, linewidth=0)
    middle = left + side / 2, top + side / 2
    axes.text(*middle, _UNREADABLE, ha="center", va="center", size=_SIZE, color=GREY)


def _write(
    axes: "Axes", left: float, top: float, text: str, room: float, most_lines: int, va: str
) -> None:
    """A text of some lines, each of `room` inches, cut where it is longer."""
    words = text.replace("_", "_ ")  # Lines break there as well.
    lines = textwrap.wrap(words, int(room / _LETTER), max_lines=most_lines, placeholder="…")
    written = "\n".join(lines).replace("_ ", "_")
    axes.text(left, top, written, size=_SIZE, va=va, parse_math=False)
