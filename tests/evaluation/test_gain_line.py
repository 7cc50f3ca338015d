"""The line of gain against ratio: what it predicts, and how far it misses."""

import re

import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.evaluation.gain_line import Evidence, GainLine


def evidence(ratios, gains):
    return [Evidence(str(i), r, g) for i, (r, g) in enumerate(zip(ratios, gains, strict=True))]


def random_evidence(seed, n=12):
    rng = np.random.default_rng(seed)
    ratios = np.exp(rng.normal(size=n))
    return ratios, 0.01 + 0.02 * np.log(ratios) + rng.normal(scale=0.005, size=n)


def test_predicts_exactly_what_lies_on_a_line_in_the_logarithm():
    ratios = np.array([0.1, 0.2, 0.5, 1.0, 2.0])
    line = GainLine(evidence(ratios, 0.01 + 0.02 * np.log(ratios)))
    np.testing.assert_allclose(line.predict(np.array([0.3, 0.7])), 0.01 + 0.02 * np.log([0.3, 0.7]))
    np.testing.assert_allclose(line.errors, 0, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_errors_are_those_of_lines_fitted_without_the_point(seed):
    ratios, gains = random_evidence(seed)
    errors = []
    for left_out in range(len(ratios)):
        kept = np.arange(len(ratios)) != left_out
        slope, intercept = np.polyfit(np.log(ratios[kept]), gains[kept], 1)
        errors.append(gains[left_out] - (intercept + slope * np.log(ratios[left_out])))
    np.testing.assert_allclose(GainLine(evidence(ratios, gains)).errors, errors, rtol=1e-6)


def test_covers_the_ratios_between_its_least_and_its_greatest():
    line = GainLine(evidence([0.1, 0.2, 0.5, 1.0, 2.0], [0, 1, 1, 2, 3]))
    assert [line.covers(ratio) for ratio in (0.09, 0.1, 0.7, 2.0, 2.1)] == [
        *(False, True, True, True, False)
    ]


@pytest.mark.parametrize(
    ("ratios", "problem"),
    [
        ([0.1, 0.2, 0.3, 0.4], "4 pairs of ratio and gain with 4 distinct ratios"),
        ([0.1] * 6, "6 pairs of ratio and gain with 1 distinct ratios"),
    ],
)
def test_refuses_evidence_that_makes_no_line(ratios, problem):
    message = f"{problem} are too few for a line, expected at least 5 with 2."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        GainLine(evidence(ratios, np.arange(len(ratios)) / 100))
