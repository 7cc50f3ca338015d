"""Arms and their comparison."""

from coarse2fine.experiments.compare import ARMS, Comparison, compare

__all__ = ["ARMS", "Comparison", "compare"]
