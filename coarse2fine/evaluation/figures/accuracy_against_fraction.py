"""Accuracies with more and more training data."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coarse2fine.evaluation.figures._accuracies import Line, accuracy_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class FractionSeries:
    """The accuracies of runs on one kind of labels, each with its share of the training data.

    Attributes:
        name: of the kind of labels.
        training: `(n,)` accuracies on the training set, from 0 to 1; None where not measured.
        test: `(n,)` accuracies on the test set; None where not measured.
        published: `(n,)` published accuracies on the test set; None where there are none.
    """

    name: str
    training: np.ndarray | None = None
    test: np.ndarray | None = None
    published: np.ndarray | None = None


def accuracy_against_fraction(
    fractions: Sequence[float], series: Sequence[FractionSeries], title: str = ""
) -> "Figure":
    """Draws accuracies against the share of the training data (Chen 2018, Fig. 2).

    Training is dotted, test solid; published values are hollow; one colour a kind of labels.

    Args:
        fractions: `(n,)` shares of the training set, above 0 to 1.
        series: of the kinds of labels, 7 at most, in the order of the legend.
        title: of the figure.

    Raises:
        InputError: no series or more than 7, one without accuracies, or accuracies that are no
            fractions or not as many as `fractions`.

    Example:
        >>> fine = FractionSeries("fine labels", test=[0.65, 0.83], published=[0.6506, 0.8344])
        >>> accuracy_against_fraction([0.2, 1.0], [fine]).axes[0].get_xlabel()
        'share of the training data (%)'

    Reference:
        Chen, Ding, Chin, Marculescu, "Understanding the Impact of Label Granularity on CNN-based
        Image Classification", ICDM workshops 2018.
    """
    percent = 100 * np.asarray(fractions, np.float64)
    lines = [Line(s.name, percent, s.training, s.test, s.published) for s in series]
    return accuracy_figure("series", lines, title, "share of the training data (%)")
