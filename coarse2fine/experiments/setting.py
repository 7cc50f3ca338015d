"""What the settings of all experiments have in common."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from coarse2fine.errors import InputError, check_known
from coarse2fine.training.config import DEFAULTS, Config


@dataclasses.dataclass(frozen=True)
class BaseSetting:
    """One row of an experiment: values of a config that several runs are made with.

    Attributes:
        name: of the setting; what stands before a `/` in it is the group that it belongs to.
        changes: values of the config that make the setting.
    """

    name: str
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def _used(self, unused: Collection[str]) -> dict[str, Any]:
        """The changes but for those that a run does not use."""
        return {name: value for name, value in self.changes.items() if name not in unused}

    def _folder(self, run: str, unused: Collection[str]) -> str:
        """The name of a run's folder: the same for settings that have the run in common."""
        changes = self._used(unused)
        task = [str(changes.pop(key)) for key in ("taxonomy", "dataset") if key in changes][:1]
        given = [f"{k}={v}" for k, v in changes.items() if k != "dataset" and v != DEFAULTS[k]]
        return "_".join([*task, *given, run])


_S = TypeVar("_S", bound=BaseSetting)


def select(
    experiments: Mapping[str, Sequence[_S]], own: _S, tables: Sequence[str], names: Sequence[str]
) -> tuple[_S, ...]:
    """The settings of some of the experiments, each once.

    Args:
        experiments: all there are, by name.
        own: the setting of a config's own data.
        tables: names of experiments; none for `own`.
        names: of the settings to keep, or of groups of them; all by default. A name that is both
            is the setting's.

    Raises:
        InputError: an unknown table or name.
    """
    for table in tables:
        check_known("experiment", table, experiments)
    settings = {s.name: s for table in tables for s in experiments[table]} or {own.name: own}
    group = {name: name.split("/")[0] for name in settings}
    for name in names:
        check_known("setting", name, dict.fromkeys([*settings, *group.values()]))
    return tuple(
        setting
        for name, setting in settings.items()
        if not names or name in names or group[name] in {*names} - settings.keys()
    )


def check_free(config: Config, settings: Sequence[BaseSetting]) -> None:
    """Raises `InputError` where a config gives what settings set otherwise."""
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


def shown(number: float | None, form: str = ".2f") -> str:
    """A number as it stands in a table; nothing for None."""
    return "" if number is None else f"{number:{form}}"


def percent(share: float | None) -> str:
    """A share as it stands in a table, in percent."""
    return shown(None if share is None else 100 * share)


def mean_and_range(numbers: Sequence[float | None], form: str = ".2f") -> str:
    """One number as it stands in a table; of several the mean, and in brackets the range.

    Those that are None are left out, which is said behind; where all are, there is nothing.
    """
    found = [number for number in numbers if number is not None]
    if not found:
        return ""
    low, mean, high = min(found), sum(found) / len(found), max(found)
    cell = shown(mean, form)
    if len(found) > 1:
        cell += f" ({shown(low, form)} to {shown(high, form)})"
    if len(found) < len(numbers):
        cell += f" ({len(found)} of {len(numbers)} seeds)"
    return cell


def in_percent(shares: Sequence[float | None]) -> list[float | None]:
    """Shares as percentages."""
    return [None if share is None else 100 * share for share in shares]
