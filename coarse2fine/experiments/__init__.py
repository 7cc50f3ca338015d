"""Arms and their comparison."""

from coarse2fine.experiments.compare import ARMS, Arm, Comparison, compare

__all__ = ["ARMS", "Arm", "Comparison", "compare"]
