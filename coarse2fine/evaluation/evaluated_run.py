"""What is known of a run once it has been evaluated."""

import dataclasses
import functools
import numbers
import pathlib
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from coarse2fine.errors import InputError
from coarse2fine.evaluation.decisions import Decisions
from coarse2fine.files import read_json
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config
from coarse2fine.training.workdir import Workdir

# Of a report: fractions or None, and what else a run is known by.
_NUMBERS = ("coarse_top1", "coarse_top1_from_fine", "average_confusion_ratio_normalized")
_KEYS = (*_NUMBERS, "step", "test_fingerprint", "training")


@dataclasses.dataclass(frozen=True)
class EvaluatedRun:
    """A finished run's numbers; its network is not loaded.

    Attributes:
        path: its workdir.
        name: what to call it.
        config: its resolved config.
        taxonomy: of its classes.
        data: what its training images are, as in `data.json`.
        report: of the test set.
        decisions: on the test set.
    """

    path: pathlib.Path
    name: str
    config: Config
    taxonomy: Taxonomy
    data: dict[str, Any]
    report: dict[str, Any]
    decisions: Decisions

    @classmethod
    def load(cls, path: str | pathlib.Path, name: str | None = None) -> "EvaluatedRun":
        """Reads a workdir.

        Args:
            path: of the workdir.
            name: what to call it; by default the folder's name.

        Raises:
            InputError: a folder that holds no run, one that is not finished, one that has not been
                evaluated since, by its newest or its best checkpoint, or files that are damaged.
        """
        home = Workdir(pathlib.Path(path))
        config, taxonomy = home.read_config(), home.read_taxonomy()
        evaluate = f"Run launch/evaluate.py --workdir={home.path} first."
        if not home.report_file.is_file():
            raise InputError(
                f"The run in {home.path} has not been evaluated: there is no {home.report_file}. "
                f"{evaluate}"
            )
        try:
            # Reports of before there were several views are of one.
            report = {"views": 1, **read_json(home.report_file, _KEYS)}
            _check_report(home.report_file, report, config.labels)
            decisions = Decisions.load(home.decisions_file)
            decisions.check(home.decisions_file, taxonomy)
        except InputError as error:
            raise InputError(f"{error} {evaluate}") from error
        _check_step(home, config, report["step"])
        return cls(
            home.path,
            home.path.resolve().name if name is None else name,
            config,
            taxonomy,
            home.read_data(),
            report,
            decisions,
        )

    @functools.cached_property
    def folder(self) -> pathlib.Path:
        """Its workdir by the one path that all links to it lead to."""
        return self.path.resolve()

    @property
    def checkpoint(self) -> Literal["newest", "best"]:
        """Whose weights were evaluated, as of `load_run`; `newest` where both have the same."""
        return "newest" if self.report["step"] == self.config.steps else "best"

    @property
    def coarse_accuracy(self) -> float:
        """By the coarse head of a run on coarse labels, else by the best fine class's parent."""
        return self.report[_accuracy_key(self.config.labels)]

    @property
    def training_accuracy(self) -> float | None:
        """The same on the training images; None where they were not evaluated."""
        training = self.report["training"]
        return None if training is None else training[_accuracy_key(self.config.labels)]

    @property
    def confusion_ratio(self) -> float | None:
        """The average confusion ratio of fine classes (normalised); None where undefined."""
        return self.report["average_confusion_ratio_normalized"]

    def is_coarse_right(self) -> np.ndarray:
        """`(n,)`: on which test images."""
        return self.decisions.is_coarse_right(self.taxonomy, self.config.labels != "coarse")


def _accuracy_key(labels: str) -> str:
    """Of a report: what runs on these labels are judged by."""
    return "coarse_top1" if labels == "coarse" else "coarse_top1_from_fine"


def _check_step(home: Workdir, config: Config, step: int) -> None:
    """Raises `InputError` unless a finished run has these updates behind its newest or best."""
    if step == config.steps:
        return
    metrics = home.read_metrics()
    is_finished = bool(metrics) and metrics[-1]["step"] == config.steps
    if not is_finished or step != _best_step(metrics, config.labels):
        advice = "Evaluate it again." if is_finished else "Finish it, and evaluate it again."
        raise InputError(
            f"The run in {home.path} was evaluated after {step} of {config.steps} updates. {advice}"
        )


def _best_step(metrics: Sequence[dict[str, float]], labels: str) -> float | None:
    """The updates behind the best checkpoint: of the first epoch of the best validation."""
    key = f"val_{'coarse' if labels == 'coarse' else 'fine'}_top1"
    lines = [line for line in metrics if key in line]
    return max(lines, key=lambda line: line[key])["step"] if lines else None


def _check_report(path: pathlib.Path, report: dict[str, Any], labels: str) -> None:
    optional = set(_NUMBERS) - {_accuracy_key(labels)}
    bad = [
        f"{name} is {report[name]!r}"
        for name in _NUMBERS
        if not isinstance(report[name], numbers.Real)
        and (report[name] is not None or name not in optional)
    ]
    for name, kind in (("training", dict | None), ("views", int), ("test_fingerprint", str)):
        if not isinstance(report[name], kind):
            bad.append(f"{name} is {report[name]!r}")
    if bad:
        raise InputError(f"{path} is damaged: {'; '.join(bad)}.")
