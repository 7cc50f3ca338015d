"""What all figures share: their paper and their colours."""

from typing import TYPE_CHECKING

from coarse2fine.import_extra import import_extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 8.0  # Inches; a README shows about 100 pixels an inch.

# Okabe and Ito, "Color Universal Design", without the yellow that is lost on white.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#7F7F7F"


def new_figure(height: float, width: float = WIDTH) -> "Figure":
    """An empty figure, `width` by `height` inches, that no global state knows."""
    return import_extra("matplotlib.figure").Figure(
        figsize=(width, height), dpi=150, layout="constrained"
    )
