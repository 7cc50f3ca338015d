"""Figures of what something else computed.

Each function takes arrays and returns a `matplotlib.figure.Figure`; nothing is shown or written:
`figure.savefig(path)` does that.
"""

from coarse2fine.evaluation.figures._accuracies import Line
from coarse2fine.evaluation.figures.accuracy_against_fraction import accuracy_against_fraction
from coarse2fine.evaluation.figures.accuracy_curves import accuracy_curves
from coarse2fine.evaluation.figures.advice_figure import advice_figure
from coarse2fine.evaluation.figures.class_maps_figure import class_maps_figure
from coarse2fine.evaluation.figures.confusion_figure import confusion_figure
from coarse2fine.evaluation.figures.embedding_figure import embedding_figure
from coarse2fine.evaluation.figures.gain_against_ratio import GainPoint, gain_against_ratio
from coarse2fine.evaluation.figures.guesses_figure import guesses_figure
from coarse2fine.evaluation.figures.samples_figure import samples_figure
from coarse2fine.evaluation.figures.sweep_figure import SweepPoint, sweep_figure

__all__ = [
    "GainPoint",
    "Line",
    "SweepPoint",
    "accuracy_against_fraction",
    "accuracy_curves",
    "advice_figure",
    "class_maps_figure",
    "confusion_figure",
    "embedding_figure",
    "gain_against_ratio",
    "guesses_figure",
    "samples_figure",
    "sweep_figure",
]
