"""What fine labels bring to coarse decisions: pairs of runs, fine-grain beside coarse-grain."""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

import keras

from coarse2fine.data import Source
from coarse2fine.errors import InputError
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.evaluation.pairs import Pair
from coarse2fine.experiments.evaluated import evaluated
from coarse2fine.experiments.latest_splits import LatestSplits
from coarse2fine.experiments.setting import BaseSetting, check_free, mean_and_range, shown
from coarse2fine.experiments.table import Table
from coarse2fine.training import Config, train
from coarse2fine.training.batch_size import Say, share_batch_size
from coarse2fine.training.budget import check_budget, share_budget
from coarse2fine.training.config import DEFAULTS
from coarse2fine.training.config_problems import USED_WITH
from coarse2fine.training.run import MakeCallbacks

LABELS = ("coarse", "fine")

# What a run on one kind of labels does not use, and one on the other does.
_UNUSED = {
    labels: tuple(
        name for name, kinds in USED_WITH.items() if labels not in kinds and {*kinds} & {*LABELS}
    )
    for labels in LABELS
}


@dataclasses.dataclass(frozen=True)
class Published:
    """Published numbers of a setting; None where there are none.

    Attributes:
        coarse_training: A_CC, percent.
        fine_training: A_FC, percent.
        ratio: the average confusion ratio.
        coarse_on_training: A_CC on the training images, percent.
        fine_on_training: A_FC on the training images, percent.
    """

    coarse_training: float | None = None
    fine_training: float | None = None
    ratio: float | None = None
    coarse_on_training: float | None = None
    fine_on_training: float | None = None

    @property
    def gain(self) -> float | None:
        """A_FC - A_CC, percentage points."""
        if self.coarse_training is None or self.fine_training is None:
            return None
        return self.fine_training - self.coarse_training


@dataclasses.dataclass(frozen=True)
class Setting(BaseSetting):
    """One question: what do fine labels bring here?

    Attributes:
        name: of the setting.
        changes: values of the config that make the setting.
        published: what was published for it.
    """

    published: Published = Published()

    def config(self, base: Config, labels: str) -> Config:
        """The config of one of the setting's two runs.

        It is on all images that have a fine label, unless `base` says otherwise.
        """
        everything = {"fine_fraction": 1.0, "coarse_fraction": 0.0}
        shares = {name: share for name, share in everything.items() if getattr(base, name) is None}
        unused = {name: DEFAULTS[name] for name in _UNUSED[labels]}
        changes = self._used(_UNUSED[labels])
        return base.replace(**{**shares, **changes, **unused, "labels": labels})

    def folder(self, labels: str) -> str:
        """The name of a run's folder: the same for settings that have the run in common."""
        return self._folder(labels, _UNUSED[labels])

    def row(
        self,
        coarse: Sequence[EvaluatedRun | None],
        fine: Sequence[EvaluatedRun | None],
        without_fine: int = 0,
    ) -> dict[str, str]:
        """A row of a table, published numbers beside measured ones.

        Args:
            coarse: the runs on coarse labels, one a seed; None where it is missing.
            fine: those on fine labels likewise.
            without_fine: training images that have no fine label.
        """
        both = zip(fine, coarse, strict=True)
        pairs = [Pair(f, c) if f is not None and c is not None else None for f, c in both]
        interval = ""
        if len(pairs) == 1 and pairs[0] is not None:
            interval = " to ".join(f"{100 * end:+.2f}" for end in pairs[0].gain_interval())
        published = self.published
        return {
            "setting": self.name,
            "A_CC": mean_and_range([_percent_of(run, "coarse_accuracy") for run in coarse]),
            "A_FC": mean_and_range([_percent_of(run, "coarse_accuracy") for run in fine]),
            "gain": mean_and_range([_percent_of(pair, "gain") for pair in pairs], "+.2f"),
            "95 % of test sets": interval,
            "ACR": mean_and_range([run.confusion_ratio if run else None for run in fine], ".3f"),
            "training A_CC": mean_and_range([_percent_of(r, "training_accuracy") for r in coarse]),
            "training A_FC": mean_and_range([_percent_of(r, "training_accuracy") for r in fine]),
            "left out, without a fine label": f"{without_fine:,}" if without_fine else "",
            "published A_CC": shown(published.coarse_training),
            "published A_FC": shown(published.fine_training),
            "published gain": shown(published.gain, "+.2f"),
            "published ACR": shown(published.ratio, ".3f"),
            "published training A_CC": shown(published.coarse_on_training, ".1f"),
            "published training A_FC": shown(published.fine_on_training, ".1f"),
        }


def _percent_of(what: EvaluatedRun | Pair | None, share: str) -> float | None:
    """One of its fractions as a percentage."""
    found = None if what is None else getattr(what, share)
    return None if found is None else 100 * found


@dataclasses.dataclass(frozen=True)
class Granularity:
    """Settings, and what was measured for each.

    Attributes:
        settings: as asked for.
        pairs: in the same order.
        without_fine: likewise, how many training images have no fine label: neither run learns
            from those.
    """

    settings: tuple[Setting, ...]
    pairs: tuple[Pair, ...]
    without_fine: tuple[int, ...]

    def table(self) -> str:
        """Accuracies in percent, gains in percentage points, published numbers beside measured."""
        columns = (self.settings, self.pairs, self.without_fine)
        return Table(
            [
                setting.row([pair.coarse], [pair.fine], without_fine)
                for setting, pair, without_fine in zip(*columns, strict=True)
            ]
        ).markdown()


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
        config: what the settings have in common. All images that have a fine label keep it unless
            it says otherwise; those without one are in neither run, and counted.
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
    _check_config(config)
    check_free(config, settings)
    check_budget(config, settings)
    home = pathlib.Path(workdir)
    splits = LatestSplits()
    config = share_batch_size(config, _new_runs(config, settings, splits), home, say)
    if config.budget is not None:
        own = settings[0].config(config, "fine")
        config = share_budget(config, (own, splits.load(own, "train")), home, say)
    pairs, without_fine = [], []
    for setting in settings:
        runs = {}
        # The two kinds of labels differ in nothing that their images depend on.
        source, test = (splits.load(setting.config(config, "fine"), s) for s in ("train", "test"))
        for labels in LABELS:
            run = train(
                setting.config(config, labels),
                home / setting.folder(labels),
                callbacks,
                source,
                test,
            )
            runs[labels] = evaluated(run, test, training_source=source if training else None)
            keras.backend.clear_session()
        pairs.append(Pair(**runs))
        without_fine.append(int((source.fine < 0).sum()))
    return Granularity(tuple(settings), tuple(pairs), tuple(without_fine))


def _new_runs(
    config: Config, settings: Sequence[Setting], splits: LatestSplits
) -> Iterator[tuple[Config, Source]]:
    for setting in settings:
        source = splits.load(setting.config(config, "fine"), "train")
        for labels in LABELS:
            yield setting.config(config, labels), source


def _check_config(config: Config) -> None:
    """Raises `InputError` where the config says who has which labels."""
    if config.labels != DEFAULTS["labels"]:
        raise InputError(f"labels is {config.labels!r}: the experiment sets those of its runs.")
    if config.coarse_fraction:
        raise InputError(
            f"coarse_fraction is {config.coarse_fraction}: fine and coarse labels are compared on "
            "the same images, so every image keeps its fine label. Leave coarse_fraction out."
        )
