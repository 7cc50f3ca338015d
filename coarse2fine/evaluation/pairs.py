"""Pairs of runs that differ in their labels alone: what fine labels brought, measured."""

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from coarse2fine.errors import InputError
from coarse2fine.evaluation.decisions import Decisions
from coarse2fine.files import read_json
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config
from coarse2fine.training.workdir import Workdir

# What may differ within a pair: it does not reach the other run, or belongs to one kind of labels.
_OWN = {"labels", "coarse_weight", "fine_label_noise", "extra_layer"}


@dataclasses.dataclass(frozen=True)
class EvaluatedRun:
    """What is known of a run once it has been evaluated; its network is not loaded.

    Attributes:
        path: its workdir.
        config: its resolved config.
        taxonomy: of its classes.
        data: the counts of its training images, as in `data.json`.
        report: of the test set.
        decisions: on the test set.
    """

    path: pathlib.Path
    config: Config
    taxonomy: Taxonomy
    data: dict[str, Any]
    report: dict[str, Any]
    decisions: Decisions

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "EvaluatedRun":
        """Reads a workdir.

        Raises:
            InputError: a folder that holds no run, or one that has not been evaluated.
        """
        home = Workdir(pathlib.Path(path))
        config = home.read_config()
        if not home.report_file.is_file():
            raise InputError(
                f"The run in {home.path} has not been evaluated: there is no {home.report_file}. "
                f"Run launch/evaluate.py --workdir={home.path} first."
            )
        return cls(
            home.path,
            config,
            home.read_taxonomy(),
            home.read_data(),
            read_json(home.report_file, ["coarse_top1", "coarse_top1_from_fine"]),
            Decisions.load(home.decisions_file),
        )

    @property
    def coarse_accuracy(self) -> float:
        """By the coarse head of a run on coarse labels, else by the best fine class's parent."""
        key = "coarse_top1" if self.config.labels == "coarse" else "coarse_top1_from_fine"
        return self.report[key]

    def is_coarse_right(self) -> np.ndarray:
        """`(n,)`: on which test images."""
        return self.decisions.is_coarse_right(self.taxonomy, self.config.labels != "coarse")


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
    def gain(self) -> float:
        """A_FC - A_CC, a fraction."""
        return self.fine.coarse_accuracy - self.coarse.coarse_accuracy

    @property
    def ratio(self) -> float | None:
        """The average confusion ratio of the fine run (normalised); None where undefined."""
        return self.fine.report.get("average_confusion_ratio_normalized")

    def gain_by_class(self) -> np.ndarray:
        """`(num_coarse,)` gains in each coarse class's accuracy; NaN without a test image."""
        difference = self.fine.is_coarse_right().astype(float) - self.coarse.is_coarse_right()
        labels, num_coarse = self.fine.decisions.coarse, self.fine.taxonomy.num_coarse
        with np.errstate(invalid="ignore"):
            return np.bincount(labels, difference, num_coarse) / np.bincount(
                labels, minlength=num_coarse
            )

    def gain_interval(self, num_resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
        """The 95 % interval of the gain, from resampled test images (of these two networks)."""
        difference = self.fine.is_coarse_right().astype(int) - self.coarse.is_coarse_right()
        # Resampling images resamples how many of them win, tie and lose.
        counts = np.bincount(difference + 1, minlength=3)
        draws = np.random.default_rng(seed).multinomial(
            counts.sum(), counts / counts.sum(), num_resamples
        )
        low, high = np.quantile((draws[:, 2] - draws[:, 0]) / counts.sum(), (0.025, 0.975))
        return float(low), float(high)


def find_runs(folder: str | pathlib.Path) -> list[EvaluatedRun]:
    """All evaluated runs in a folder and below it, in the order of their paths.

    Raises:
        InputError: the folder does not exist, or one of its runs cannot be read.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder.")
    homes = sorted(path.parent for path in folder.rglob("report.json"))
    return [EvaluatedRun.load(home) for home in homes if (home / "config.json").is_file()]


def find_pairs(runs: Iterable[EvaluatedRun]) -> list[Pair]:
    """Every run on fine labels beside each run on coarse labels that it can be compared with.

    They differ in their labels alone (and in what one kind of labels does not use), learn from the
    same images, and were evaluated on the same ones.
    """
    runs = list(runs)
    return [
        Pair(fine, coarse)
        for fine in runs
        if fine.config.labels in ("fine", "oracle")
        for coarse in runs
        if coarse.config.labels == "coarse" and _is_pair(fine, coarse)
    ]


def _is_pair(fine: EvaluatedRun, coarse: EvaluatedRun) -> bool:
    same_images = fine.config.labels == "oracle" or not fine.data["images"]["coarse_only"]
    return (
        same_images
        and set(fine.config.differing(coarse.config)) <= _OWN
        and fine.taxonomy == coarse.taxonomy
        and np.array_equal(fine.decisions.coarse, coarse.decisions.coarse)
    )
