"""What an experiment is: the runs that it needs, and what it shows of them."""

import abc
import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.experiments.setting import BaseSetting
from coarse2fine.experiments.table import Table
from coarse2fine.reproduction.job import Job
from coarse2fine.reproduction.places import Places
from coarse2fine.reproduction.recipe import Recipe
from coarse2fine.reproduction.recipes import RECIPES
from coarse2fine.reproduction.work import folder_of
from coarse2fine.training import Config

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MISSING = "missing"
"""What a table has in place of a number whose runs are all missing."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """How experiments are to be made.

    Attributes:
        scale: a key of `SCALES`.
        seeds: each run is made with each of them.
        with_ncm: whether comparisons have a row of nearest class means too.
    """

    scale: str
    seeds: tuple[int, ...] = (0,)
    with_ncm: bool = False


@dataclasses.dataclass(frozen=True)
class Done:
    """What has been done.

    Attributes:
        home: the experiments' folder.
        asked: how they were to be made.
        places: where their data lie.
        on_progress: as of `tsne`.
    """

    home: pathlib.Path
    asked: Asked
    places: Places
    on_progress: Callable[[int, int], None] | None = None

    def folder(self, job: Job) -> pathlib.Path | None:
        """The workdir of a job's run; None where it is not finished."""
        folder = folder_of(job, self.home)
        return folder if job.is_finished(folder) else None

    def run(self, job: Job) -> EvaluatedRun | None:
        """A job's evaluated run; None where it is not finished."""
        folder = self.folder(job)
        return None if folder is None else EvaluatedRun.load(folder)


@dataclasses.dataclass(frozen=True)
class Shown:
    """What an experiment shows.

    Attributes:
        tables: by the names of their files.
        pictures: likewise.
        missing: what could not be shown, and why.
    """

    tables: Mapping[str, Table] = dataclasses.field(default_factory=dict)
    pictures: Mapping[str, "Figure"] = dataclasses.field(default_factory=dict)
    missing: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Experiment(abc.ABC):
    """A table or figure of a paper.

    Attributes:
        name: such as `lei2017_table1`.
        title: what it shows.
    """

    name: str
    title: str

    @property
    def uses_ncm(self) -> bool:
        """Whether `with_ncm` changes it."""
        return False

    @property
    def uses_tsne(self) -> bool:
        """Whether showing it needs openTSNE."""
        return False

    @abc.abstractmethod
    def jobs(self, asked: Asked) -> dict[str, Job]:
        """The runs that it needs, by what they are in it."""

    def configs(self, asked: Asked) -> list[Config]:
        """Those that it shows."""
        return [job.config for job in self.jobs(asked).values()]

    @abc.abstractmethod
    def show(self, done: Done) -> Shown:
        """Its tables and pictures, of those runs that there are."""


def recipe_of(setting: BaseSetting) -> Recipe:
    """How a setting's runs are made."""
    return RECIPES[setting.changes.get("taxonomy") or setting.changes["backbone"]]


def at_scale(setting: BaseSetting, scale: str) -> BaseSetting:
    """The setting without what a scale sets."""
    own = recipe_of(setting).changes(scale)
    changes = {name: value for name, value in setting.changes.items() if name not in own}
    return dataclasses.replace(setting, changes=changes)
