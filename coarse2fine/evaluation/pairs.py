"""Pairs of runs that differ in their labels alone: what fine labels brought, measured."""

import dataclasses
import functools
import pathlib
from collections.abc import Iterable

import numpy as np

from coarse2fine.data.partition import DEFAULT_FRACTION
from coarse2fine.errors import InputError, check_path
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.training.config_problems import USED_WITH

# What may differ within a pair.
_OWN = {"labels", *USED_WITH}


@dataclasses.dataclass(frozen=True)
class Pair:
    """Fine-grain and coarse-grain training on the same images, with the same settings.

    Attributes:
        fine: trained on fine labels.
        coarse: trained on coarse labels.
    """

    fine: EvaluatedRun
    coarse: EvaluatedRun

    @property
    def name(self) -> str:
        """What to call the pair."""
        return f"{self.fine.name} and {self.coarse.name}"

    @property
    def gain(self) -> float:
        """A_FC - A_CC, a fraction."""
        return self.fine.coarse_accuracy - self.coarse.coarse_accuracy

    @property
    def ratio(self) -> float | None:
        """The average confusion ratio of the fine run (normalised); None where undefined."""
        return self.fine.confusion_ratio

    @property
    def is_plain(self) -> bool:
        """Whether it is of clean labels, equal networks and all images, as published pairs are."""
        config = self.fine.config
        # Within a pair no image is without a fine label unless it is left out.
        fractions = (config.fine_fraction, config.coarse_fraction)
        share = sum(DEFAULT_FRACTION if f is None else f for f in fractions)
        return (
            not config.fine_label_noise
            and not self.coarse.config.extra_layer
            and share * config.data_fraction > 1 - 1e-9
        )

    def gain_by_class(self) -> np.ndarray:
        """`(num_coarse,)` gains in each coarse class's accuracy; NaN without a test image."""
        difference = self.fine.is_coarse_right().astype(float) - self.coarse.is_coarse_right()
        labels, num_coarse = self.fine.decisions.coarse, self.fine.taxonomy.num_coarse
        counts = np.bincount(labels, minlength=num_coarse)
        gains = np.bincount(labels, difference, num_coarse)
        return np.divide(gains, counts, out=np.full(num_coarse, np.nan), where=counts > 0)

    def gain_interval(self, num_resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
        """The 95 % interval of the gain, from resampled test images.

        It is of these two networks: other seeds would give others.
        """
        difference = self.fine.is_coarse_right().astype(int) - self.coarse.is_coarse_right()
        # Resampling images resamples how many of them win, tie and lose.
        counts = np.bincount(difference + 1, minlength=3)
        draws = np.random.default_rng(seed).multinomial(
            counts.sum(), counts / counts.sum(), num_resamples
        )
        low, high = np.quantile((draws[:, 2] - draws[:, 0]) / counts.sum(), (0.025, 0.975))
        return float(low), float(high)


@dataclasses.dataclass(frozen=True)
class FoundRuns:
    """What a search found.

    Attributes:
        runs: that can be used, in the order of their paths.
        left_out: why each other one cannot.
    """

    runs: tuple[EvaluatedRun, ...]
    left_out: tuple[str, ...] = ()

    @functools.cached_property
    def pairs(self) -> "list[Pair]":
        """As of `find_pairs`."""
        return find_pairs(self.runs)


def find_runs(folder: str | pathlib.Path, pattern: str = "**/report.json") -> FoundRuns:
    """The evaluated runs in a folder and below it, named by their paths from there.

    Args:
        folder: to search.
        pattern: of the reports' paths; by default at any depth.

    Raises:
        InputError: the folder does not exist.
    """
    check_path("Folder", folder)
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder.")
    runs, left_out = [], []
    for report in sorted(folder.glob(pattern)):
        home = report.parent
        try:
            runs.append(EvaluatedRun.load(home, home.relative_to(folder).as_posix()))
        except InputError as error:
            left_out.append(str(error))
    return FoundRuns(tuple(runs), tuple(left_out))


def find_pairs(runs: Iterable[EvaluatedRun]) -> list[Pair]:
    """Every run on fine labels beside each run on coarse labels that it can be compared with.

    They differ in their labels alone (and in what one kind of labels does not use), learn from the
    same images, and were evaluated on the same ones, through as many views, and both by their
    newest or both by their best checkpoint.
    """
    runs = list(runs)
    return [
        Pair(fine, coarse)
        for fine in runs
        if fine.config.labels in ("fine", "oracle")
        for coarse in runs
        if coarse.config.labels == "coarse" and _is_pair(fine, coarse)
    ]


def plain_pairs(pairs: Iterable[Pair]) -> list[Pair]:
    """The plain ones whose ratio is defined, the first of each run on fine labels."""
    found: dict[pathlib.Path, Pair] = {}
    for pair in pairs:
        if pair.is_plain and pair.ratio is not None:
            found.setdefault(pair.fine.folder, pair)
    return list(found.values())


def _is_pair(fine: EvaluatedRun, coarse: EvaluatedRun) -> bool:
    uses_all = fine.config.labels == "oracle" or not fine.data["images"]["coarse_only"]
    return (
        uses_all
        and set(fine.config.differing(coarse.config)) <= _OWN
        and fine.taxonomy.fingerprint == coarse.taxonomy.fingerprint
        and fine.checkpoint == coarse.checkpoint
        and all(fine.data[key] == coarse.data[key] for key in ("images", "fingerprint"))
        and all(fine.report[key] == coarse.report[key] for key in ("test_fingerprint", "views"))
    )
