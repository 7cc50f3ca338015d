"""A setting of a comparison: what its arms have in common, and what was published for them."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from coarse2fine.errors import InputError
from coarse2fine.experiments.arms import ARMS, gap_closed
from coarse2fine.experiments.setting import (
    BaseSetting,
    in_percent,
    mean_and_range,
    percent,
    shown,
)
from coarse2fine.training import Config
from coarse2fine.training.config import DEFAULTS
from coarse2fine.training.config_problems import USED_WITH


@dataclasses.dataclass(frozen=True)
class PublishedComparison:
    """Published accuracies of a comparison, percent; None where there are none.

    Attributes:
        baseline: of the arm of that name.
        coarse_to_fine: likewise.
        oracle: likewise.
        forests: of Ristin 2015, who learn from the labels of coarse_to_fine without a network.
    """

    baseline: float | None = None
    coarse_to_fine: float | None = None
    oracle: float | None = None
    forests: float | None = None

    @property
    def gap_closed(self) -> float | None:
        """As of a `Comparison`."""
        if self.baseline is None or self.coarse_to_fine is None or self.oracle is None:
            return None
        return gap_closed(self.baseline, self.coarse_to_fine, self.oracle)


@dataclasses.dataclass(frozen=True)
class ComparisonSetting(BaseSetting):
    """One question: what do coarse labels bring here?

    Attributes:
        name: of the setting.
        changes: values of the config that make the setting.
        published: what was published for it.
    """

    published: PublishedComparison = PublishedComparison()

    def config(self, base: Config, arm: str) -> Config:
        """The config of one of the arms."""
        labels = ARMS[arm]
        unused = {name: DEFAULTS[name] for name, kinds in USED_WITH.items() if labels not in kinds}
        changes: dict[str, Any] = {**self.changes, **unused, "labels": labels}
        if arm == "baseline" and "coarse_fraction" in self.changes:
            changes["coarse_fraction"] = 0.0  # Settings that differ in it have the run in common.
        return base.replace(**changes)

    def folder(self, arm: str, config: Config) -> str:
        """The name of an arm's folder: the same for settings that have the run in common.

        Args:
            arm: a key of `ARMS`.
            config: of the arm, with its length as `steps`.
        """
        return self._folder(
            f"{arm}_{config.steps}", ("coarse_fraction",) if arm == "baseline" else ()
        )

    def result_file(self, match: str) -> str:
        """The name of the file that the comparison is written to."""
        return self._folder(f"comparison_{match}.json", ())

    def row(
        self, accuracies: Mapping[str, Sequence[float | None]], cost: Mapping[str, str]
    ) -> dict[str, str]:
        """A row of a table, published numbers beside measured ones.

        Args:
            accuracies: of each arm the fine accuracies, fractions, one a seed.
            cost: what stands behind, by column.
        """
        published = dataclasses.asdict(self.published)
        forests = published.pop("forests")
        gaps = [
            None if None in of_seed else gap_closed(*of_seed)
            for of_seed in zip(*accuracies.values(), strict=True)
        ]
        return {
            "setting": self.name,
            **{arm: mean_and_range(in_percent(shares)) for arm, shares in accuracies.items()},
            "gap closed": mean_and_range(in_percent(gaps)),
            **{f"published {arm}": shown(number) for arm, number in published.items()},
            "published gap closed": percent(self.published.gap_closed),
            "Ristin 2015": shown(forests),
            **cost,
        }

    @property
    def without_seed(self) -> "ComparisonSetting":
        """The setting that this is one seed of; itself where it sets none."""
        changes = {key: value for key, value in self.changes.items() if key != "seed"}
        return dataclasses.replace(self, name=self.name.split(_SEED)[0], changes=changes)


_SEED = ", seed "


def with_seeds(
    settings: Sequence[ComparisonSetting], seeds: Sequence[int]
) -> tuple[ComparisonSetting, ...]:
    """Each setting once with every seed; as they are where there is none.

    Raises:
        InputError: a seed that is given twice.
    """
    if len(set(seeds)) < len(seeds):
        raise InputError(f"seeds are {', '.join(map(str, seeds))}: one is given twice.")

    def expanded() -> Iterator[ComparisonSetting]:
        for setting in settings:
            for seed in seeds:
                changes = {**setting.changes, "seed": seed}
                yield dataclasses.replace(
                    setting, name=f"{setting.name}{_SEED}{seed}", changes=changes
                )

    return tuple(expanded()) if seeds else tuple(settings)
