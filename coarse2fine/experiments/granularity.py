"""What fine labels bring to coarse decisions: pairs of runs, fine-grain beside coarse-grain."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from coarse2fine.errors import InputError
from coarse2fine.evaluation import evaluate
from coarse2fine.evaluation.pairs import EvaluatedRun, Pair
from coarse2fine.training import Config, load_split, train
from coarse2fine.training.config import DEFAULTS
from coarse2fine.training.run import MakeCallbacks

LABELS = ("coarse", "fine")

# What a run on one kind of labels does not use.
_UNUSED = {"coarse": ("fine_label_noise",), "fine": ("extra_layer",)}


@dataclasses.dataclass(frozen=True)
class Published:
    """Published numbers of a setting; None where there are none.

    Attributes:
        coarse_training: A_CC, percent.
        fine_training: A_FC, percent.
        ratio: the average confusion ratio.
    """

    coarse_training: float | None = None
    fine_training: float | None = None
    ratio: float | None = None

    @property
    def gain(self) -> float | None:
        """A_FC - A_CC, percentage points."""
        if self.coarse_training is None or self.fine_training is None:
            return None
        return self.fine_training - self.coarse_training


@dataclasses.dataclass(frozen=True)
class Setting:
    """One question: what do fine labels bring here?

    Attributes:
        name: of the setting.
        changes: values of the config that make the setting.
        published: what was published for it.
    """

    name: str
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    published: Published = Published()

    def config(self, base: Config, labels: str) -> Config:
        """The config of one of the setting's two runs, on all images unless `base` says else."""
        everything = {"fine_fraction": 1.0, "coarse_fraction": 0.0}
        shares = {name: share for name, share in everything.items() if getattr(base, name) is None}
        unused = {name: DEFAULTS[name] for name in _UNUSED[labels]}
        return base.replace(**{**shares, **self._used(labels), **unused, "labels": labels})

    def folder(self, labels: str) -> str:
        """The name of a run's folder: the same for settings that have the run in common."""
        changes = self._used(labels)
        task = [str(changes.pop(key)) for key in ("taxonomy", "dataset") if key in changes][:1]
        given = [f"{k}={v}" for k, v in changes.items() if k != "dataset" and v != DEFAULTS[k]]
        return "_".join([*task, *given, labels])

    def _used(self, labels: str) -> dict[str, Any]:
        return {k: v for k, v in self.changes.items() if k not in _UNUSED[labels]}


@dataclasses.dataclass(frozen=True)
class Granularity:
    """Settings, and what was measured for each.

    Attributes:
        settings: as asked for.
        pairs: in the same order.
    """

    settings: tuple[Setting, ...]
    pairs: tuple[Pair, ...]

    def table(self) -> str:
        """Accuracies in percent, gains in percentage points, published numbers beside measured."""
        lines = [
            "| setting | A_CC | A_FC | gain | 95 % interval | ACR "
            "| published A_CC | A_FC | gain | ACR |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        for setting, pair in zip(self.settings, self.pairs, strict=True):
            published = setting.published
            low, high = (f"{100 * end:+.2f}" for end in pair.gain_interval())
            cells = [
                setting.name,
                f"{100 * pair.coarse.coarse_accuracy:.2f}",
                f"{100 * pair.fine.coarse_accuracy:.2f}",
                f"{100 * pair.gain:+.2f}",
                f"{low} to {high}",
                _shown(pair.ratio, ".3f"),
                _shown(published.coarse_training, ".2f"),
                _shown(published.fine_training, ".2f"),
                _shown(published.gain, "+.2f"),
                _shown(published.ratio, ".3f"),
            ]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)


def _shown(number: float | None, form: str) -> str:
    return "" if number is None else f"{number:{form}}"


def measure_granularity(
    config: Config,
    workdir: str | pathlib.Path,
    settings: Sequence[Setting] = (Setting("your data"),),
    callbacks: MakeCallbacks = lambda name, steps: (),
    training: bool = False,
) -> Granularity:
    """Trains on coarse and on fine labels in each setting, and evaluates both on coarse decisions.

    Runs lie in `workdir/<setting>_<labels>`. Those that are finished are not run again, and a run
    that two settings have in common is run once.

    Args:
        config: what the settings have in common. All images keep their fine label unless it says
            otherwise.
        workdir: of the experiment.
        settings: what to measure; by default the config's own data set.
        callbacks: as of `train`.
        training: also evaluate on the training images.

    Raises:
        InputError: as `train`; where `labels` is set, which is the runs' own; or where the config
            sets coarse-only images aside, which the two kinds of labels would not share.
    """
    if config.labels != DEFAULTS["labels"]:
        raise InputError(
            f"labels is {config.labels!r}: the experiment sets the labels of its runs."
        )
    if config.coarse_fraction:
        raise InputError(
            f"coarse_fraction is {config.coarse_fraction}: fine and coarse labels are compared on "
            "the same images, so every image keeps its fine label. Leave coarse_fraction out."
        )
    home = pathlib.Path(workdir)
    pairs = []
    for setting in settings:
        runs = {}
        for labels in LABELS:
            run_config = setting.config(config, labels)
            source = load_split(run_config, "train")
            test = load_split(run_config, "test")
            run = train(run_config, home / setting.folder(labels), callbacks, source, test)
            if not run.workdir.report_file.is_file():
                evaluate(run, source=test, training=training, training_source=source)
            runs[labels] = EvaluatedRun.load(run.workdir.path)
            keras.backend.clear_session()
        pairs.append(Pair(**runs))
    return Granularity(tuple(settings), tuple(pairs))
