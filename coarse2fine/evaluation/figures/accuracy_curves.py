"""Accuracies in the course of training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from coarse2fine.evaluation.figures._accuracies import Line, accuracy_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def accuracy_curves(lines: Sequence[Line], title: str = "") -> "Figure":
    """Draws training (dotted) and test (solid) accuracy against epochs (Chen 2018, Fig. 3).

    For runs side by side, such as one on fine labels and one on coarse ones: one colour a run.

    Args:
        lines: of the runs, 7 at most, in the order of the legend; x are epochs.
        title: of the figure.

    Raises:
        InputError: no lines or more than 7, a line without accuracies, or accuracies that are no
            fractions or not as many as x.

    Example:
        >>> fine = Line("fine labels", [1, 2, 3], training=[0.5, 0.8, 1.0], test=[0.4, 0.6, 0.7])
        >>> accuracy_curves([fine]).axes[0].get_ylabel()
        'accuracy (%)'

    Reference:
        Chen, Ding, Chin, Marculescu, "Understanding the Impact of Label Granularity on CNN-based
        Image Classification", ICDM workshops 2018.
    """
    figure = accuracy_figure(lines, title, "epoch")
    figure.axes[0].locator_params(axis="x", integer=True)
    return figure
