"""Where in images a network saw its classes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coarse2fine.errors import check_some
from coarse2fine.evaluation.class_maps import ImageMaps
from coarse2fine.evaluation.figures._canvas import WIDTH, new_figure
from coarse2fine.shortened import shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TITLE = 0.35  # Inches.
_TEXT = 0.36
_MARKS = {True: " ✓", False: "", None: ""}
_LETTERS = 18
_SHADE = 0.65  # Of the image's brightness where nothing is seen.


def class_maps_figure(rows: Sequence[ImageMaps], title: str = "") -> "Figure":
    """Draws images, a row each, and over each the maps of its best classes.

    Where a class was not seen, the image is dark. Above each map stand its level, its class, with
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
        grey = np.broadcast_to(row.image, (*row.image.shape[:2], 3)) / 255.0
        axes[0].imshow(grey)
        axes[0].set_title(shortened(row.label, _LETTERS), size=8, parse_math=False, weight="bold")
        for place, each in zip(axes[1:], row.maps, strict=True):
            place.imshow(grey * (1 - _SHADE))
            extent = place.get_images()[0].get_extent()
            place.imshow(
                each.heat,
                extent=extent,
                cmap="inferno",
                vmin=0,
                vmax=1,
                alpha=0.6,
                interpolation="bilinear",
            )
            name = shortened(each.name, _LETTERS) + _MARKS[each.is_right]
            text = f"{each.level}: {each.probability:.0%}\n{name}"
            place.set_title(text, size=7, parse_math=False)
    for place in grid.flat:
        place.set_axis_off()
    figure.suptitle(title, size=10, parse_math=False)
    return figure
