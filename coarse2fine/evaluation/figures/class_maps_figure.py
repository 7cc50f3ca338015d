"""Where in images a network saw its classes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coarse2fine.errors import check_some
from coarse2fine.evaluation.class_maps import ImageMaps
from coarse2fine.evaluation.figures._canvas import WIDTH, new_figure
from coarse2fine.shortened import shortened
from coarse2fine.training.lit import lit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TITLE = 0.35  # Inches.
_TEXT = 0.36
_MARKS = {True: " ✓", False: "", None: ""}
_LETTERS = 18


def class_maps_figure(rows: Sequence[ImageMaps], title: str = "") -> "Figure":
    """Draws images, a row each, and over each the maps of its best classes.

    The colours of a map are those of `lit`. Above each map stand its level, its class, with
    a tick where that is right, and its probability; above the image what it is of.

    Args:
        rows: as `class_maps` gives them, each with as many maps.
        title: of the figure.

    Raises:
        InputError: no image.
    """
    check_some("images", rows)
    num_columns = 1 + len(rows[0].maps)
    side = WIDTH / num_columns
    figure = new_figure(height=len(rows) * (side + _TEXT) + _TITLE)
    grid = figure.subplots(len(rows), num_columns, squeeze=False)
    for axes, row in zip(grid, rows, strict=True):
        axes[0].imshow(np.broadcast_to(row.image, (*row.image.shape[:2], 3)))
        axes[0].set_title(shortened(row.label, _LETTERS), size=8, parse_math=False, weight="bold")
        for place, each in zip(axes[1:], row.maps, strict=True):
            place.imshow(lit(row.image, each.heat))
            name = shortened(each.name, _LETTERS) + _MARKS[each.is_right]
            text = f"{each.level}: {each.probability:.0%}\n{name}"
            place.set_title(text, size=7, parse_math=False)
    for place in grid.flat:
        place.set_axis_off()
    figure.suptitle(title, size=10, parse_math=False)
    return figure
