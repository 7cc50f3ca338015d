"""Times two things side by side."""

import dataclasses
import time
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class PairTimes:
    """The seconds of two callables, pair by pair.

    Attributes:
        first: `(pairs,)`.
        second: `(pairs,)`.
    """

    first: np.ndarray
    second: np.ndarray

    @property
    def ratios(self) -> np.ndarray:
        """`(pairs,)` seconds of the first over seconds of the second."""
        return self.first / self.second


def time_pairs(
    first: Callable[[], object],
    second: Callable[[], object],
    pairs: int,
    warmup: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> PairTimes:
    """Times two callables in turn, so that a machine that slows down slows both.

    Each pair times both; the first goes first in pairs 0, 2, ..., the second in pairs 1, 3, ...

    Args:
        first: called without arguments; it returns when its work is done.
        second: likewise.
        pairs: timings of each.
        warmup: calls of each before, which are not timed.
        clock: gives seconds.
    """
    callables = (first, second)
    for _ in range(warmup):
        for function in callables:
            function()
    seconds = np.zeros((pairs, 2))
    for pair in range(pairs):
        for which in ((0, 1), (1, 0))[pair % 2]:
            start = clock()
            callables[which]()
            seconds[pair, which] = clock() - start
    return PairTimes(*seconds.T)
