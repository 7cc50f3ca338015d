"""Chen 2018's experiments: runs on fine and on coarse labels in settings."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from coarse2fine.evaluation import figures
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.evaluation.pairs import Pair
from coarse2fine.experiments.granularity import LABELS, Setting
from coarse2fine.experiments.pair_pictures import (
    accuracy_lines,
    correlation_of,
    fraction_figure,
    title_of,
)
from coarse2fine.experiments.run_pictures import confusion_of, embedding_of
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
from coarse2fine.training import load_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BEST = (
    "Published accuracies are of the best epoch on the test set, measured ones of the last epoch."
)


def labels_job(setting: Setting, labels: str, scale: str, seed: int) -> Job:
    """One of a setting's two runs.

    Args:
        setting: one of `chen2018.SETTINGS`.
        labels: one of `LABELS`.
        scale: a key of `SCALES`.
        seed: of the run.
    """
    recipe = recipe_of(setting)
    here = cast(Setting, at_scale(setting, scale))
    config = here.config(recipe.config(scale), labels).replace(seed=seed)
    return Job(config, recipe.images_at(scale), views=recipe.views_at(scale), on_training=True)


@dataclasses.dataclass(frozen=True)
class Pairs(Experiment):
    """A table of pairs of runs.

    Attributes:
        settings: a row each.
    """

    settings: Sequence[Setting]

    def jobs(self, asked: Asked) -> dict[str, Job]:
        """Both runs of each setting with each seed."""
        return {
            f"{setting.name}, {labels} labels, seed {seed}": labels_job(
                setting, labels, asked.scale, seed
            )
            for seed in asked.seeds
            for setting in self.settings
            for labels in LABELS
        }

    def show(self, done: Done) -> Shown:
        """The table."""
        rows = []
        for setting in self.settings:
            coarse, fine = (self._runs(setting, labels, done) for labels in LABELS)
            row = setting.row(coarse, fine)
            rows.append({**row, **{column: row[column] or MISSING for column in ("A_CC", "A_FC")}})
        return Shown({"table": Table(rows, notes=[_BEST])})

    def _runs(self, setting: Setting, labels: str, done: Done) -> list[EvaluatedRun | None]:
        scale = done.asked.scale
        return [done.run(labels_job(setting, labels, scale, seed)) for seed in done.asked.seeds]

    def _pair(self, setting: Setting, done: Done) -> Pair | None:
        """That of the first seed; None where a run of it is missing."""
        coarse, fine = (self._runs(setting, labels, done)[0] for labels in LABELS)
        return None if coarse is None or fine is None else Pair(fine, coarse)


class _OfTheFirstSeed(Pairs):
    """Pictures for which one seed is enough."""

    def jobs(self, asked: Asked) -> dict[str, Job]:
        """Both runs of each setting with the first seed."""
        return super().jobs(dataclasses.replace(asked, seeds=asked.seeds[:1]))


@dataclasses.dataclass(frozen=True)
class Curves(_OfTheFirstSeed):
    """Accuracies in the course of training, a picture for each setting (Chen 2018, Figure 3)."""

    def show(self, done: Done) -> Shown:
        """The pictures."""
        pairs = {setting.name: self._pair(setting, done) for setting in self.settings}
        return Shown(
            pictures={
                name: figures.accuracy_curves(accuracy_lines(pair), title_of(pair))
                for name, pair in pairs.items()
                if pair is not None
            }
        )


@dataclasses.dataclass(frozen=True)
class Fractions(Pairs):
    """Accuracies with more and more data, a picture for each task (Chen 2018, Figure 2)."""

    def show(self, done: Done) -> Shown:
        """The pictures, of the first seed, and a table."""
        found: dict[str, list[Pair]] = {}
        for setting in self.settings:
            pair = self._pair(setting, done)
            if pair is not None:
                found.setdefault(setting.name.split("/")[0], []).append(pair)
        pictures = {task: fraction_figure(pairs) for task, pairs in found.items()}
        return Shown(super().show(done).tables, pictures)


@dataclasses.dataclass(frozen=True)
class Gains(Pairs):
    """Gains against confusion ratios (Chen 2018, Figures 6 and 7).

    Attributes:
        pictures: the settings of each, by the names of their files.
    """

    pictures: Mapping[str, Sequence[Setting]]

    def show(self, done: Done) -> Shown:
        """The pictures, of the first seed, and a table."""
        pictures = {name: self._picture(settings, done) for name, settings in self.pictures.items()}
        table = super().show(done).tables["table"]
        pairs = {setting.name: self._pair(setting, done) for setting in self.settings}
        undefined = [name for name, pair in pairs.items() if pair and pair.ratio is None]
        if undefined:
            note = f"No siblings were confused, and there is no ratio: {', '.join(undefined)}."
            table = dataclasses.replace(table, notes=[*table.notes, note])
        return Shown({"table": table}, pictures)

    def _picture(self, settings: Sequence[Setting], done: Done) -> "Figure":
        measured, published = [], []
        for setting in settings:
            numbers = setting.published
            if numbers.ratio is not None and numbers.gain is not None:
                published.append(
                    figures.GainPoint(setting.name, numbers.ratio, numbers.gain, is_published=True)
                )
            pair = self._pair(setting, done)
            if pair is not None and pair.ratio is not None:
                measured.append(figures.GainPoint(setting.name, pair.ratio, 100 * pair.gain))
        return figures.gain_against_ratio(
            [*measured, *published], correlation_of(measured), correlation_of(published), self.title
        )


@dataclasses.dataclass(frozen=True)
class Confusion(_OfTheFirstSeed):
    """The confusion matrix of the runs on fine labels (Chen 2018, Figure 5)."""

    def jobs(self, asked: Asked) -> dict[str, Job]:
        """The runs on fine labels, of the first seed."""
        jobs = super().jobs(asked)
        return {name: job for name, job in jobs.items() if job.config.labels == "fine"}

    def show(self, done: Done) -> Shown:
        """A picture for each setting."""
        runs = {setting.name: self._runs(setting, "fine", done)[0] for setting in self.settings}
        return Shown(
            pictures={name: confusion_of(run) for name, run in runs.items() if run is not None}
        )


@dataclasses.dataclass(frozen=True)
class Embeddings(_OfTheFirstSeed):
    """Where t-SNE puts the features of test images (Chen 2018, Figure 4)."""

    @property
    def uses_tsne(self) -> bool:
        """Whether showing it needs openTSNE: it does."""
        return True

    def show(self, done: Done) -> Shown:
        """A picture for each run."""
        pictures = {}
        for setting in self.settings:
            for labels in LABELS:
                job = labels_job(setting, labels, done.asked.scale, done.asked.seeds[0])
                folder = done.folder(job)
                if folder is None:
                    continue
                source = done.places.load(job.config, "test")
                pictures[f"{setting.name}_{labels}"] = embedding_of(
                    load_run(folder), source, on_progress=done.on_progress
                )
        return Shown(pictures=pictures)
