"""Metrics of two levels of classes."""

from coarse2fine.metrics.parent_accuracy import ParentAccuracy
from coarse2fine.metrics.top_k_accuracy import TopKAccuracy

__all__ = ["ParentAccuracy", "TopKAccuracy"]
