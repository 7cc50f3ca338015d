"""Validation accuracy against the weight of the coarse loss (Lei 2017, Figure 5)."""

import dataclasses
import pathlib
import shutil
from collections.abc import Sequence

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from coarse2fine.evaluation import figures
from coarse2fine.experiments.comparison_setting import ComparisonSetting
from coarse2fine.experiments.setting import in_percent, mean_and_range
from coarse2fine.experiments.table import Table
from coarse2fine.reproduction.comparisons import arm_job
from coarse2fine.reproduction.experiment import (
    MISSING,
    Asked,
    Done,
    Experiment,
    Shown,
)
from coarse2fine.reproduction.job import Job
from coarse2fine.training.events import writing_events
from coarse2fine.training.workdir import Workdir

_METRIC = "val_fine_top1"


@dataclasses.dataclass(frozen=True)
class Sweep(Experiment):
    """Runs that differ in `coarse_weight` alone, judged by validation images out of S_fine.

    No test image is looked at: this is how a weight is chosen.

    Attributes:
        setting: of the runs.
        weights: rising.
    """

    setting: ComparisonSetting
    weights: Sequence[float]

    def jobs(self, asked: Asked) -> dict[str, Job]:
        """A run for each weight and seed."""
        return {
            f"coarse_weight {weight:g}, seed {seed}": self._job(weight, asked.scale, seed)
            for seed in asked.seeds
            for weight in self.weights
        }

    def _job(self, weight: float, scale: str, seed: int) -> Job:
        changes = {"coarse_weight": weight, "validation_fraction": 0.1, "refit": False}
        job = arm_job(self.setting, "coarse_to_fine", scale, seed, **changes)
        return dataclasses.replace(job, is_evaluated=False, views=1)

    def show(self, done: Done) -> Shown:
        """The table, the picture, and in `hparams` what TensorBoard's plugin reads."""
        asked = done.asked
        accuracies = {
            weight: [_accuracy(self._job(weight, asked.scale, seed), done) for seed in asked.seeds]
            for weight in self.weights
        }
        _write_hparams(done.home / self.name / "hparams", accuracies, asked.seeds)
        found = {w: [a for a in of_w if a is not None] for w, of_w in accuracies.items()}
        rows = [
            {
                "coarse_weight": f"{weight:g}",
                "validation fine top-1": mean_and_range(in_percent(of_weight)) or MISSING,
            }
            for weight, of_weight in accuracies.items()
        ]
        tables = {"table": Table(rows)}
        points = [figures.SweepPoint(weight, of_w) for weight, of_w in found.items() if of_w]
        if not points:
            return Shown(tables)
        picture = figures.sweep_figure(points, "weight of the coarse loss (λ)", self.title)
        return Shown(tables, {"figure": picture})


def _accuracy(job: Job, done: Done) -> float | None:
    folder = done.folder(job)
    return None if folder is None else Workdir(folder).read_metrics()[-1][_METRIC]


def _write_hparams(
    folder: pathlib.Path, accuracies: dict[float, list[float | None]], seeds: Sequence[int]
) -> None:
    """Writes a session for each weight and seed, in place of those that were there."""
    with writing_events(folder):
        shutil.rmtree(folder, ignore_errors=True)
        for weight, of_weight in accuracies.items():
            for seed, accuracy in zip(seeds, of_weight, strict=True):
                if accuracy is None:
                    continue
                name = f"coarse_weight={weight:g}_seed={seed}"
                with tf.summary.create_file_writer(str(folder / name)).as_default():
                    hparams.hparams({"coarse_weight": weight, "seed": seed}, trial_id=name)
                    tf.summary.scalar(_METRIC, accuracy, step=0)
