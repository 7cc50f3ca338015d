"""What fine labels bring to coarse decisions: pairs of runs, fine-grain beside coarse-grain."""

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras

from coarse2fine.data import Source
from coarse2fine.errors import InputError
from coarse2fine.evaluation import evaluate
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.evaluation.pairs import Pair
from coarse2fine.training import Config, Run, load_split, train
from coarse2fine.training.batch_size import Say, share_batch_size
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
        rows = [_row(*both) for both in zip(self.settings, self.pairs, strict=True)]
        # Columns without a number are left out.
        names = [name for name in rows[0] if any(row[name] for row in rows)]
        lines = [names, ["---"] * len(names), *([row[name] for name in names] for row in rows)]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(setting: Setting, pair: Pair) -> dict[str, str]:
    published = setting.published
    low, high = (f"{100 * end:+.2f}" for end in pair.gain_interval())
    return {
        "setting": setting.name,
        "A_CC": _percent(pair.coarse.coarse_accuracy),
        "A_FC": _percent(pair.fine.coarse_accuracy),
        "gain": f"{100 * pair.gain:+.2f}",
        "95 % of test sets": f"{low} to {high}",
        "ACR": _shown(pair.ratio, ".3f"),
        "training A_CC": _percent(pair.coarse.training_accuracy),
        "training A_FC": _percent(pair.fine.training_accuracy),
        "published A_CC": _shown(published.coarse_training, ".2f"),
        "published A_FC": _shown(published.fine_training, ".2f"),
        "published gain": _shown(published.gain, "+.2f"),
        "published ACR": _shown(published.ratio, ".3f"),
    }


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"


def _shown(number: float | None, form: str) -> str:
    return "" if number is None else f"{number:{form}}"


def measure_granularity(
    config: Config,
    workdir: str | pathlib.Path,
    settings: Sequence[Setting] = (Setting("your data"),),
    callbacks: MakeCallbacks = lambda name, steps: (),
    training: bool = False,
    say: Say = lambda line: None,
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
        say: as of `train`. With `batch_size="auto"` all runs have one number, which
            `batch_size.json` in `workdir` keeps.

    Raises:
        InputError: as `train`; where `labels` is set, which is the runs' own; or where the config
            sets coarse-only images aside, which the two kinds of labels would not share.
    """
    _check_free(config, settings)
    home = pathlib.Path(workdir)
    config = share_batch_size(config, _new_runs(config, settings), home, say)
    pairs = []
    for setting in settings:
        runs = {}
        # The two kinds of labels differ in nothing that their images depend on.
        source, test = (load_split(setting.config(config, "fine"), s) for s in ("train", "test"))
        for labels in LABELS:
            run = train(
                setting.config(config, labels),
                home / setting.folder(labels),
                callbacks,
                source,
                test,
            )
            runs[labels] = _evaluated(run, source, test, training)
            keras.backend.clear_session()
        pairs.append(Pair(**runs))
    return Granularity(tuple(settings), tuple(pairs))


def _new_runs(config: Config, settings: Sequence[Setting]) -> Iterator[tuple[Config, Source]]:
    for setting in settings:
        source = load_split(setting.config(config, "fine"), "train")
        for labels in LABELS:
            yield setting.config(config, labels), source


def _evaluated(run: Run, source: Source, test: Source, training: bool) -> EvaluatedRun:
    """The run's evaluation; one that is there already and says as much is not made again."""
    try:
        evaluated = EvaluatedRun.load(run.workdir.path)
    except InputError:
        evaluated = None
    if evaluated is None or (training and evaluated.training_accuracy is None):
        evaluate(run, source=test, training=training, training_source=source)
        evaluated = EvaluatedRun.load(run.workdir.path)
    return evaluated


def _check_free(config: Config, settings: Sequence[Setting]) -> None:
    """Raises `InputError` where the config gives what the experiment sets."""
    if config.labels != DEFAULTS["labels"]:
        raise InputError(f"labels is {config.labels!r}: the experiment sets those of its runs.")
    if config.coarse_fraction:
        raise InputError(
            f"coarse_fraction is {config.coarse_fraction}: fine and coarse labels are compared on "
            "the same images, so every image keeps its fine label. Leave coarse_fraction out."
        )
    for name in dict.fromkeys(name for setting in settings for name in setting.changes):
        given = getattr(config, name)
        others = [
            f"{s.name} ({s.changes[name]})"
            for s in settings
            if name in s.changes and given not in (DEFAULTS[name], s.changes[name])
        ]
        if others:
            raise InputError(
                f"{name} is {given}, but these settings have their own: {', '.join(others)}. Leave "
                f"{name} out, or choose other settings."
            )
