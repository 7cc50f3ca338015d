"""Accuracies with more and more training data."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coarse2fine.evaluation.figures._accuracies import Line, accuracy_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def accuracy_against_fraction(lines: Sequence[Line], title: str = "") -> "Figure":
    """Draws accuracies against the share of the training data (Chen 2018, Fig. 2).

    Training is dotted, test solid; published values are hollow; one colour a kind of labels.

    Args:
        lines: of the kinds of labels, 7 at most, in the order of the legend; x are shares of the
            training set, above 0 to 1.
        title: of the figure.

    Raises:
        InputError: no lines or more than 7, a line without accuracies, or accuracies that are no
            fractions or not as many as x.

    Example:
        >>> fine = Line("fine labels", [0.2, 1.0], test=[0.65, 0.83], published=[0.6506, 0.8344])
        >>> accuracy_against_fraction([fine]).axes[0].get_xlabel()
        'share of the training data (%)'

    Reference:
        Chen, Ding, Chin, Marculescu, "Understanding the Impact of Label Granularity on CNN-based
        Image Classification", ICDM workshops 2018.
    """
    in_percent = [
        dataclasses.replace(line, x=100 * np.asarray(line.x, np.float64)) for line in lines
    ]
    return accuracy_figure(in_percent, title, "share of the training data (%)")
