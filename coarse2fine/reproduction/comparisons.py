"""Lei 2017's experiments: baseline, coarse_to_fine and oracle in settings."""

import dataclasses
from collections.abc import Sequence
from typing import Any, cast

from coarse2fine.errors import InputError
from coarse2fine.experiments.arms import ARMS, Arm, cost_of
from coarse2fine.experiments.comparison_setting import ComparisonSetting
from coarse2fine.experiments.evaluated import cost_of_run
from coarse2fine.experiments.run_pictures import guesses_of
from coarse2fine.experiments.setting import in_percent, mean_and_range
from coarse2fine.experiments.table import Table
from coarse2fine.reproduction.experiment import (
    MISSING,
    Asked,
    Done,
    Experiment,
    Shown,
    at_scale,
    recipe_of,
)
from coarse2fine.reproduction.job import Job
from coarse2fine.reproduction.nearest_means import accuracy_of_nearest_means
from coarse2fine.training.workdir import Workdir


def arm_job(setting: ComparisonSetting, arm: str, scale: str, seed: int, **changes: Any) -> Job:
    """An arm of a setting.

    Args:
        setting: one of `lei2017.SETTINGS`.
        arm: a key of `ARMS`.
        scale: a key of `SCALES`.
        seed: of the run.
        changes: of the arm's config.
    """
    recipe = recipe_of(setting)
    here = cast(ComparisonSetting, at_scale(setting, scale))
    config = here.config(recipe.config(scale), arm).replace(seed=seed)
    return Job(config.replace(**changes), recipe.images_at(scale), views=recipe.views_at(scale))


@dataclasses.dataclass(frozen=True)
class ComparisonTable(Experiment):
    """A table of comparisons.

    Attributes:
        settings: a row each.
    """

    settings: Sequence[ComparisonSetting]

    @property
    def uses_ncm(self) -> bool:
        """Whether `with_ncm` changes it: it does."""
        return True

    def jobs(self, asked: Asked) -> dict[str, Job]:
        """The arms of each setting with each seed."""
        return {
            f"{setting.name}, {arm}, seed {seed}": arm_job(setting, arm, asked.scale, seed)
            for seed in asked.seeds
            for setting in self.settings
            for arm in ARMS
        }

    def show(self, done: Done) -> Shown:
        """The table; what it lacks of nearest class means is missing."""
        arms = [*self.jobs(done.asked).values()]
        equal = "passes over its own images" if arms[0].config.steps is None else "updates"
        missing: list[str] = []
        rows = [self._row(setting, done, missing) for setting in self.settings]
        notes = [f"Each arm has as many {equal}."]
        if done.asked.with_ncm:
            notes.append(
                "Nearest class means are on the baseline's features of one view of each image."
            )
        return Shown({"table": Table(rows, notes=notes)}, missing=missing)

    def _row(self, setting: ComparisonSetting, done: Done, missing: list[str]) -> dict[str, str]:
        asked = done.asked
        jobs = {arm: [arm_job(setting, arm, asked.scale, s) for s in asked.seeds] for arm in ARMS}
        found = {arm: [done.run(job) for job in of_arm] for arm, of_arm in jobs.items()}
        accuracies = {
            arm: [None if run is None else run.report["fine_top1"] for run in runs]
            for arm, runs in found.items()
        }
        # What the first seed took stands for all of them.
        cost = {"updates": "", "images seen": "", "minutes": ""}
        firsts = {arm: runs[0] for arm, runs in found.items()}
        if all(firsts.values()):
            cost = cost_of(
                [
                    Arm(arm, run.report["fine_top1"], **cost_of_run(Workdir(run.path)))
                    for arm, run in firsts.items()
                    if run is not None
                ]
            )
        if asked.with_ncm:
            means = _accuracies_of_means(setting, done, missing)
            cell = mean_and_range(in_percent(means)) or MISSING
            cost = {"nearest class means": cell, **cost}
        row = setting.row(accuracies, cost)
        return {**row, **{arm: row[arm] or MISSING for arm in ARMS}}


def _accuracies_of_means(
    setting: ComparisonSetting, done: Done, missing: list[str]
) -> list[float | None]:
    """One a seed; why there is none is appended to `missing`."""
    accuracies: list[float | None] = []
    for seed in done.asked.seeds:
        jobs = [
            arm_job(setting, arm, done.asked.scale, seed) for arm in ("baseline", "coarse_to_fine")
        ]
        baseline, coarse_to_fine = (done.run(job) for job in jobs)
        accuracy = None
        if baseline is not None and coarse_to_fine is not None:
            try:
                accuracy = accuracy_of_nearest_means(baseline, coarse_to_fine, done.places)
            except InputError as error:
                missing.append(f"{setting.name}, nearest class means, seed {seed}: {error}")
        accuracies.append(accuracy)
    return accuracies


@dataclasses.dataclass(frozen=True)
class Guesses(Experiment):
    """What baseline and coarse_to_fine take the same test images for.

    Attributes:
        setting: of the two.
    """

    setting: ComparisonSetting

    def jobs(self, asked: Asked) -> dict[str, Job]:
        """The two, of the first seed."""
        return {
            arm: arm_job(self.setting, arm, asked.scale, asked.seeds[0])
            for arm in ("baseline", "coarse_to_fine")
        }

    def show(self, done: Done) -> Shown:
        """A picture for each kind of outcome."""
        jobs = [*self.jobs(done.asked).values()]
        baseline, coarse_to_fine = (done.run(job) for job in jobs)
        if baseline is None or coarse_to_fine is None:
            return Shown()
        pictures = guesses_of(
            dataclasses.replace(baseline, name="baseline"),
            dataclasses.replace(coarse_to_fine, name="coarse_to_fine"),
            source=done.places.load(jobs[0].config, "test"),
        )
        return Shown(pictures={kind.replace(" ", "_"): figure for kind, figure in pictures.items()})
