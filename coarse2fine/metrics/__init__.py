"""Metrics of two levels of classes."""

from coarse2fine.metrics.parent_accuracy import ParentAccuracy

__all__ = ["ParentAccuracy"]
