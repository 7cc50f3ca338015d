"""What coarse labels bring: baseline, coarse-to-fine and oracle on one partition."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import keras

from coarse2fine.data import Source
from coarse2fine.errors import InputError, check_known
from coarse2fine.evaluation.predictions import check_views
from coarse2fine.experiments.arms import ARMS, Arm, Comparison, cost_of
from coarse2fine.experiments.comparison_setting import ComparisonSetting
from coarse2fine.experiments.evaluated import cost_of_run, evaluated
from coarse2fine.experiments.setting import check_free
from coarse2fine.experiments.table import Table
from coarse2fine.files import write_json
from coarse2fine.training import Config, load_split, train
from coarse2fine.training.batch_size import Say, share_batch_size
from coarse2fine.training.budget import check_budget, share_budget
from coarse2fine.training.plan import make_plan
from coarse2fine.training.run import MakeCallbacks, data_key

MATCHES = ("updates", "epochs")


@dataclasses.dataclass(frozen=True)
class Comparisons:
    """Settings, and what was measured for each.

    Attributes:
        settings: as asked for.
        comparisons: in the same order.
    """

    settings: tuple[ComparisonSetting, ...]
    comparisons: tuple[Comparison, ...]

    def table(self) -> str:
        """Accuracies in percent, published numbers beside measured, and what it took.

        Where the arms differ in their updates, images or minutes, those of each stand there.

        Of a setting with several seeds there is one row more: the mean, and in brackets the range.
        """
        rows = [
            setting.row(_accuracies([comparison]), cost_of(comparison.arms))
            for setting, comparison in zip(self.settings, self.comparisons, strict=True)
        ]
        groups: dict[str, list[int]] = {}
        for number, setting in enumerate(self.settings):
            groups.setdefault(setting.without_seed.name, []).append(number)
        for numbers in groups.values():
            if len(numbers) > 1:
                setting = self.settings[numbers[0]].without_seed
                seeds = [self.comparisons[number] for number in numbers]
                rows.append(
                    setting.row(_accuracies(seeds), dict.fromkeys(cost_of(seeds[0].arms), ""))
                )
        return Table(rows).markdown()


def _accuracies(seeds: Sequence[Comparison]) -> dict[str, list[float]]:
    """Of each arm, of one seed after the other."""
    arms = zip(*(comparison.arms for comparison in seeds), strict=True)
    return {of_one[0].name: [arm.fine_top1 for arm in of_one] for of_one in arms}


def compare(
    config: Config,
    workdir: str | pathlib.Path,
    match: str = "updates",
    callbacks: MakeCallbacks = lambda name, steps: (),
    views: int = 1,
    say: Say = lambda line: None,
) -> Comparison:
    """Trains and evaluates the three arms in `workdir/<arm>_<updates>`.

    Finished arms are not run again, so both kinds of `match` in one workdir share what they can.

    Args:
        config: of the coarse_to_fine arm; the others differ in `labels`, and with `match="epochs"`
            in `steps`.
        workdir: of the comparison; `comparison_<match>.json` is written there.
        match: `updates` gives every arm the updates of coarse_to_fine; `epochs` the same passes
            over its own training images, as in Lei 2017.
        callbacks: as of `train`.
        views: of each test image, as of `evaluate`.
        say: as of `train`. With `batch_size="auto"` all arms have one number, which
            `batch_size.json` in `workdir` keeps.

    Raises:
        InputError: as `train`; and where `labels` is set, which is the arms' own.
    """
    settings = (ComparisonSetting("your data"),)
    return compare_settings(config, workdir, settings, match, callbacks, views, say).comparisons[0]


def compare_settings(
    config: Config,
    workdir: str | pathlib.Path,
    settings: Sequence[ComparisonSetting],
    match: str = "updates",
    callbacks: MakeCallbacks = lambda name, steps: (),
    views: int = 1,
    say: Say = lambda line: None,
) -> Comparisons:
    """Compares the three arms in each setting, one setting after the other.

    Runs lie in `workdir/<setting>_<arm>_<updates>`. A run that two settings have in common, such as
    the baseline of two shares of S_coarse, is run once.

    Args:
        config: what the settings have in common.
        workdir: of all of them; `<setting>_comparison_<match>.json` is written there for each.
        settings: what to compare in, such as those of `lei2017.select_settings`; each with several
            seeds by `with_seeds`.
        match: as of `compare`.
        callbacks: likewise.
        views: likewise.
        say: likewise; the number is that of all settings.

    Raises:
        InputError: as `compare`; and where `config` gives what a setting sets otherwise.
    """
    check_known("match", match, MATCHES)
    if config.labels != "mixed":
        raise InputError(f"labels is {config.labels!r}: a comparison sets the labels of its arms.")
    if match == "epochs" and (config.steps is not None or config.budget is not None):
        raise InputError("match=epochs needs epochs; steps would be the same for every arm.")
    check_budget(config, {setting.without_seed.name for setting in settings})
    check_free(config, settings)
    home = pathlib.Path(workdir)
    loaded: dict[tuple[Any, ...], tuple[Source, Source]] = {}
    for setting in settings:
        oracle = setting.config(config, "oracle")
        if data_key(oracle) not in loaded:
            loaded[data_key(oracle)] = _load(oracle, views)
    runs = [
        (arm_config, loaded[data_key(arm_config)][0])
        for setting in settings
        for arm_config in _arm_configs(setting, config).values()
    ]
    config = share_batch_size(config, runs, home, say)
    own = settings[0].config(config, "coarse_to_fine")
    config = share_budget(config, (own, loaded[data_key(own)][0]), home, say)
    planned = []
    for setting in settings:  # All of them before the first update.
        configs = _arm_configs(setting, config)
        splits = loaded[data_key(configs["oracle"])]
        planned.append((setting, _with_steps(configs, splits[0], match), splits))
    comparisons = []
    for setting, configs, splits in planned:
        arms = []
        for arm, arm_config in configs.items():
            folder = home / setting.folder(arm, arm_config)
            arms.append(_run_arm(arm, arm_config, folder, callbacks, views, *splits))
        comparison = Comparison(match, tuple(arms), views)
        write_json(
            home / setting.result_file(match),
            {**dataclasses.asdict(comparison), "gap_closed": comparison.gap_closed},
        )
        comparisons.append(comparison)
    return Comparisons(tuple(settings), tuple(comparisons))


def _arm_configs(setting: ComparisonSetting, config: Config) -> dict[str, Config]:
    return {arm: setting.config(config, arm) for arm in ARMS}


def _load(config: Config, views: int) -> tuple[Source, Source]:
    """The training images, and test images that arms can be compared by."""
    training, test = load_split(config, "train"), load_split(config, "test")
    if not (test.fine >= 0).any():
        raise InputError(f"The test set of {config.dataset!r} has no fine labels to compare by.")
    check_views(test, views)
    return training, test


def _with_steps(configs: dict[str, Config], training: Source, match: str) -> dict[str, Config]:
    """The arms' configs with their lengths as updates."""
    steps = {arm: make_plan(training, config).steps for arm, config in configs.items()}
    return {
        arm: config.replace(
            epochs=None, steps=steps[arm if match == "epochs" else "coarse_to_fine"]
        )
        for arm, config in configs.items()
    }


def _run_arm(
    arm: str,
    config: Config,
    folder: pathlib.Path,
    callbacks: MakeCallbacks,
    views: int,
    training: Source,
    test: Source,
) -> Arm:
    run = train(config, folder, callbacks, training)
    fine_top1 = evaluated(run, test, views).report["fine_top1"]
    cost = cost_of_run(run.workdir)
    keras.backend.clear_session()
    return Arm(arm, fine_top1, **cost)
