"""Metrics of two levels of classes."""

from coarse2fine.metrics.average_confusion_ratio import average_confusion_ratio
from coarse2fine.metrics.coarse_confusion_ratios import coarse_confusion_ratios
from coarse2fine.metrics.confusion_matrix import ConfusionMatrix
from coarse2fine.metrics.pair_confusion_ratios import pair_confusion_ratios
from coarse2fine.metrics.parent_accuracy import ParentAccuracy
from coarse2fine.metrics.top_k_accuracy import TopKAccuracy

__all__ = [
    "ConfusionMatrix",
    "ParentAccuracy",
    "TopKAccuracy",
    "average_confusion_ratio",
    "coarse_confusion_ratios",
    "pair_confusion_ratios",
]
