"""What networks take images for, side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from coarse2fine.errors import check_some
from coarse2fine.evaluation.figures._canvas import COLOURS, GREY, WIDTH, new_figure
from coarse2fine.evaluation.guesses import GuessedImage
from coarse2fine.shortened import shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TITLE = 0.4  # Inches.
_ROW = 1.5
_RIGHT, _SIBLING = COLOURS[2], COLOURS[1]
_LETTERS = 22


def guesses_figure(rows: Sequence[GuessedImage], title: str = "") -> "Figure":
    """Draws images, a row each, and beside each the best guesses of networks as bars.

    The right class is green and has a tick; its siblings are blue and have a star; others are grey.

    Args:
        rows: as `best_guesses` gives them, of the same networks.
        title: of the figure.

    Raises:
        InputError: no image.
    """
    check_some("images", rows)
    names = [*rows[0].guesses]
    figure = new_figure(height=len(rows) * _ROW + _TITLE)
    ratios = [1.0, *([(WIDTH / _ROW - 1) / len(names)] * len(names))]
    grid = figure.subplots(
        len(rows), 1 + len(names), squeeze=False, gridspec_kw={"width_ratios": ratios}
    )
    for number, (axes, row) in enumerate(zip(grid, rows, strict=True)):
        axes[0].imshow(row.image, cmap="gray", vmin=0, vmax=255)
        axes[0].set_title(shortened(row.label, _LETTERS), size=8, weight="bold", parse_math=False)
        axes[0].set_axis_off()
        for place, name in zip(axes[1:], names, strict=True):
            guesses = row.guesses[name]
            for line, guess in enumerate(guesses):
                colour, mark = GREY, ""
                if guess.has_right_parent:
                    colour, mark = (_RIGHT, " ✓") if guess.is_right else (_SIBLING, " *")
                place.barh(line, guess.probability, color=colour, alpha=0.45)
                text = f"{shortened(guess.name, _LETTERS)}{mark}  {guess.probability:.0%}"
                place.text(0.01, line, text, va="center", size=7, parse_math=False)
            place.set_xlim(0, 1)
            place.set_ylim(len(guesses) - 0.5, -0.5)
            place.set_xticks([])
            place.set_yticks([])
            if number == 0:
                place.set_title(name, size=9, parse_math=False)
    figure.suptitle(title, size=10, parse_math=False)
    return figure
