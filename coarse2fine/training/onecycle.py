"""The learning rate that rises once and falls once."""

import math
from typing import Any

import keras
from keras import ops

_START = 1 / 25
_END = 1e-4 / 25


@keras.saving.register_keras_serializable("coarse2fine")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Rises from 1/25 of a rate to the rate, then falls to 1/250,000 of it, each by half a cosine.

    Use it for short runs: the large rates in the middle act as regularisation, and the run ends
    with small ones. Shares are those of PyTorch's `OneCycleLR`; momentum stays as it is.

    With p the share of `steps` updates behind, r the share of the rise, and
    f(t) = (1 - cos(pi t)) / 2:

        rate(p) = rate * (1/25 + (1 - 1/25) f(p / r))                     while p < r
        rate(p) = rate * (1 - (1 - 1/250000) f((p - r) / (1 - r)))        then

    Args:
        rate: the greatest.
        steps: updates of the run.
        rise: share of them over which the rate rises, 0 or more and below 1.

    Example:
        >>> schedule = OneCycle(rate=0.1, steps=100, rise=0.3)
        >>> [round(float(schedule(step)), 4) for step in (0, 15, 30, 65, 100)]
        [0.004, 0.052, 0.1, 0.05, 0.0]

    Reference:
        Smith, Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
        Rates", 2018.
    """

    def __init__(self, rate: float, steps: int, rise: float = 0.3):
        super().__init__()
        self.rate = rate
        self.steps = steps
        self.rise = rise

    def __call__(self, step: Any) -> Any:
        """The rate of the update after `step` others."""
        share = ops.minimum(ops.cast(step, "float32") / self.steps, 1.0)
        falling = 1 - (1 - _END) * _half_cosine((share - self.rise) / (1 - self.rise))
        if self.rise == 0:
            return self.rate * falling
        rising = _START + (1 - _START) * _half_cosine(share / self.rise)
        return self.rate * ops.where(share < self.rise, rising, falling)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal schedule."""
        return {"rate": self.rate, "steps": self.steps, "rise": self.rise}


def _half_cosine(share: Any) -> Any:
    """From 0 to 1 as the share goes from 0 to 1."""
    return (1 - ops.cos(math.pi * share)) / 2
