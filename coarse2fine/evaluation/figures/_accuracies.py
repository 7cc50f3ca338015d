"""How accuracies are drawn: training dotted, test solid, one colour a run."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coarse2fine.errors import InputError, check_some
from coarse2fine.evaluation.figures._canvas import COLOURS, GREY, new_figure
from coarse2fine.import_extra import import_extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLES: dict[str, dict[str, Any]] = {
    "training": {"linestyle": ":"},
    "test": {"linestyle": "-"},
    "published": {
        "linestyle": "",
        "marker": "D",
        "markersize": 7,
        "markerfacecolor": "none",
    },
}


@dataclasses.dataclass(frozen=True)
class Line:
    """The accuracies of one run in the course of training, or of runs on more and more data.

    Attributes:
        name: of the run or the runs, for the legend.
        x: `(n,)` epochs, or shares of the training set.
        training: `(n,)` accuracies on the training set, from 0 to 1; None where not measured.
        test: `(n,)` accuracies on the test set; None where not measured.
        published: `(n,)` published accuracies on the test set; None where there are none.
    """

    name: str
    x: np.ndarray
    training: np.ndarray | None = None
    test: np.ndarray | None = None
    published: np.ndarray | None = None

    def values(self, part: str) -> np.ndarray | None:
        """The accuracies of one key of `_STYLES`."""
        accuracies = getattr(self, part)
        return None if accuracies is None else np.asarray(accuracies, np.float64)


def accuracy_figure(lines: Sequence[Line], title: str, x_label: str) -> "Figure":
    """The figure of some lines.

    Args:
        lines: to draw.
        title: of the figure.
        x_label: says what `x` is, with its unit.

    Raises:
        InputError: no lines or more than colours, or accuracies that are no fractions.
    """
    check_some("lines", lines)
    if len(lines) > len(COLOURS):
        raise InputError(f"{len(lines)} lines, expected {len(COLOURS)} at most, one a colour.")
    figure = new_figure(height=4.5)
    axes = figure.add_subplot()
    make_handle = import_extra("matplotlib.lines").Line2D
    handles = []
    for line, colour in zip(lines, COLOURS, strict=False):
        _check(line)
        handles.append(make_handle([], [], color=colour, label=line.name))
        few: dict[str, Any] = {"marker": "o", "markersize": 4} if len(line.x) <= 10 else {}
        for part, style in _STYLES.items():
            accuracies = line.values(part)
            if accuracies is not None:
                axes.plot(line.x, 100 * accuracies, color=colour, **{**few, **style})
    for part, style in _STYLES.items():
        if any(line.values(part) is not None for line in lines):
            handles.append(make_handle([], [], color=GREY, label=part, **style))
    axes.set_xlabel(x_label)
    axes.set_ylabel("accuracy (%)")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False)
    return figure


def _check(line: Line) -> None:
    if line.training is None and line.test is None:
        raise InputError(f"{line.name!r} has neither training nor test accuracies to draw.")
    for part in _STYLES:
        accuracies = line.values(part)
        if accuracies is None:
            continue
        if accuracies.shape != (len(line.x),):
            raise InputError(
                f"The {part} accuracies of {line.name!r} have shape {accuracies.shape}, expected "
                f"({len(line.x)},)."
            )
        is_bad = ~((accuracies >= 0) & (accuracies <= 1))
        if is_bad.any():
            raise InputError(
                f"The {part} accuracies of {line.name!r} hold {accuracies[is_bad][0]:g}, expected "
                "fractions from 0 to 1."
            )
