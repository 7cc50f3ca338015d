"""Accuracies in the course of training."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coarse2fine.evaluation.figures._accuracies import Line, accuracy_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class Curve:
    """The accuracies of one run.

    Attributes:
        name: of the run.
        x: `(n,)` epochs or updates.
        training: `(n,)` accuracies on the training set, from 0 to 1; None where not measured.
        test: `(n,)` accuracies on the test set; None where not measured.
    """

    name: str
    x: np.ndarray
    training: np.ndarray | None = None
    test: np.ndarray | None = None


def accuracy_curves(curves: Sequence[Curve], title: str = "", unit: str = "epoch") -> "Figure":
    """Draws training (dotted) and test (solid) accuracy against time (Chen 2018, Fig. 3).

    For runs side by side, such as one on fine labels and one on coarse ones: one colour a run.

    Args:
        curves: of the runs, 7 at most, in the order of the legend.
        title: of the figure.
        unit: of the curves' x, `epoch` or `update`.

    Raises:
        InputError: no curves or more than 7, a curve without accuracies, or accuracies that are no
            fractions or not as many as x.

    Example:
        >>> fine = Curve("fine labels", [1, 2, 3], training=[0.5, 0.8, 1.0], test=[0.4, 0.6, 0.7])
        >>> accuracy_curves([fine]).axes[0].get_ylabel()
        'accuracy (%)'

    Reference:
        Chen, Ding, Chin, Marculescu, "Understanding the Impact of Label Granularity on CNN-based
        Image Classification", ICDM workshops 2018.
    """
    lines = [Line(curve.name, curve.x, curve.training, curve.test) for curve in curves]
    return accuracy_figure("curves", lines, title, unit)
