"""The parts of a page, each from a run to HTML; empty where a run has nothing for it."""

from coarse2fine.page.parts.accuracy import accuracy_by_class, accuracy_by_level
from coarse2fine.page.parts.advice import advice
from coarse2fine.page.parts.calibration import calibration
from coarse2fine.page.parts.class_maps import class_maps
from coarse2fine.page.parts.command import command
from coarse2fine.page.parts.comparison import comparison
from coarse2fine.page.parts.confusion import confusion, hardest_pairs
from coarse2fine.page.parts.curves import curves
from coarse2fine.page.parts.headline import headline
from coarse2fine.page.parts.training import cost, what_was_trained

__all__ = [
    "accuracy_by_class",
    "accuracy_by_level",
    "advice",
    "calibration",
    "class_maps",
    "command",
    "comparison",
    "confusion",
    "cost",
    "curves",
    "hardest_pairs",
    "headline",
    "what_was_trained",
]
