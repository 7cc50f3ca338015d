"""What a benchmark is given, and what it gives."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from coarse2fine.benchmarks.images import Images


@dataclasses.dataclass(frozen=True)
class Settings:
    """What all benchmarks share.

    Attributes:
        workdir: an empty folder to write below.
        launchers: the folder of the launchers.
        images: to run on.
        pairs: timings of each of two things that are compared.
    """

    workdir: pathlib.Path
    launchers: pathlib.Path
    images: Images = dataclasses.field(default_factory=Images)
    pairs: int = 15


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A measured number and its bound.

    Attributes:
        name: `benchmark/case`.
        value: what is held against `bound`.
        low: lower end of the interval around it.
        high: upper end.
        bound: of `value`.
        unit: of all these numbers.
        is_upper_bound: whether `value` may be at most `bound`; else at least.
        note: what was measured, on what.
        interval: what `low` and `high` are.
        low_bound: what `low` must reach as well; None for anything.
    """

    name: str
    value: float
    low: float
    high: float
    bound: float
    unit: str
    is_upper_bound: bool = True
    note: str = ""
    interval: str = ""
    low_bound: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the number keeps its bounds; one that is not a number keeps none."""
        if self.low_bound is not None and not self.low >= self.low_bound:
            return False
        return self.value <= self.bound if self.is_upper_bound else self.value >= self.bound

    def line(self) -> str:
        """The measurement in one line."""
        bound = f"at {'most' if self.is_upper_bound else 'least'} {self.bound:g}"
        if self.low_bound is not None:
            bound += f" and its low end at least {self.low_bound:g}"
        interval = f" ({self.low:.3g} to {self.high:.3g}: {self.interval})" if self.interval else ""
        return (
            f"{self.name}: {self.note}: {self.value:.3g} {self.unit}{interval}; "
            f"bound {bound}: {'holds' if self.holds else 'FAILS'}"
        )


def exact(name: str, value: float, bound: float, unit: str, note: str) -> Measurement:
    """A number that is measured once, and may be at most `bound`."""
    return Measurement(name, value, value, value, bound, unit, note=note)


def of_pairs(
    name: str,
    ratios: Sequence[float] | np.ndarray,
    bound: float,
    note: str,
    is_upper_bound: bool = True,
    low_bound: float | None = None,
) -> Measurement:
    """The median of the ratios of interleaved pairs, and the quartiles around it."""
    low, value, high = (float(q) for q in np.quantile(ratios, (0.25, 0.5, 0.75)))
    return Measurement(
        name,
        value,
        low,
        high,
        bound,
        unit="times",
        is_upper_bound=is_upper_bound,
        note=note,
        interval=f"quartiles of {len(ratios)} pairs, min {min(ratios):.3g}, max {max(ratios):.3g}",
        low_bound=low_bound,
    )
