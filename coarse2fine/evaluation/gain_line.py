"""The gain that an average confusion ratio lets one expect."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from coarse2fine.errors import InputError

_FEWEST = 5


@dataclasses.dataclass(frozen=True)
class Evidence:
    """A gain that was measured, and the ratio that went with it.

    Attributes:
        name: of the pair of runs.
        ratio: average confusion ratio of the run on fine labels (normalised).
        gain: A_FC - A_CC, a fraction.
        published: whether it is from a paper; else from runs of one's own.
    """

    name: str
    ratio: float
    gain: float
    published: bool = False


class GainLine:
    """The straight line of gain against the logarithm of the ratio.

        gain = intercept + slope * log(ratio)

    Fitted by least squares. Its errors are those at points that were left out of the fit: with so
    few points, and from so different tasks, they say more than a formula for normal errors.

    Args:
        evidence: pairs of ratio and gain, 5 or more, not all of one ratio.

    Attributes:
        errors: `(n,)` gain at each point less the gain that the line through the others gives.
        least: the smallest ratio among the points.
        greatest: the greatest.

    Raises:
        InputError: evidence too thin for a line.

    Example:
        >>> line = GainLine([Evidence(str(r), r, 0.01 + 0.02 * np.log(r)) for r in range(1, 7)])
        >>> round(float(line.predict(np.array(2.0))), 4)  # 0.01 + 0.02 * log 2
        0.0239
    """

    def __init__(self, evidence: Sequence[Evidence]):
        x, y = (np.array([getattr(e, name) for e in evidence]) for name in ("ratio", "gain"))
        if len(x) < _FEWEST or np.ptp(x) == 0:
            raise InputError(
                f"{len(x)} pairs of ratio and gain with {len(np.unique(x))} distinct ratios are "
                f"too few for a line, expected at least {_FEWEST} with 2."
            )
        self.least, self.greatest = float(x.min()), float(x.max())
        design = np.stack([np.ones(len(x)), np.log(x)], axis=1)
        self._coefficients = np.linalg.lstsq(design, y, rcond=None)[0]
        # The error at a point left out is its residual over 1 - its leverage.
        leverage = np.einsum("ni,ij,nj->n", design, np.linalg.pinv(design.T @ design), design)
        self.errors = (y - design @ self._coefficients) / np.maximum(1 - leverage, 1e-9)

    def covers(self, ratio: float) -> bool:
        """Whether the ratio lies among those that the line rests on."""
        return self.least <= ratio <= self.greatest

    def predict(self, ratio: np.ndarray) -> np.ndarray:
        """The gain at these ratios, above 0, of any shape."""
        return self._coefficients[0] + self._coefficients[1] * np.log(ratio)
