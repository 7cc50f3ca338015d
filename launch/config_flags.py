"""Flags made from the fields of the config, the same wherever something trains."""

import dataclasses
import sys
import types
import typing
from collections.abc import Callable
from typing import Any, Literal

from absl import flags

from coarse2fine.errors import InputError
from coarse2fine.training.config import CHOICES, DEFAULTS, Config
from coarse2fine.training.config_problems import LENGTHS, USED_WITH

flags.disclaim_key_flags()  # The flags defined here belong to the launcher, and to its --help.

_DEFINE: dict[type, Callable[..., flags.FlagHolder]] = {
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}


def define_config() -> Callable[..., Config]:
    """Defines a flag for each field of `Config`; returns what reads them into one.

    Values given to that stand in place of those of the flags. A length on the command line itself,
    in whatever measure, stands in place of one that a flag file gives; so do labels on it, and what
    they do not use then counts as not given.
    """
    hints = typing.get_type_hints(Config)
    holders: dict[str, flags.FlagHolder] = {}
    for field in dataclasses.fields(Config):
        name, help_text = field.name, field.metadata["help"]
        default = typing.cast(Any, field.default)
        if name in CHOICES:
            holders[name] = flags.DEFINE_enum(name, default, CHOICES[name], help_text)
        elif name in _PARSE:
            holders[name] = flags.DEFINE_string(name, str(default or ""), help_text)
        else:
            holders[name] = _DEFINE[_value_type(hints[name])](name, default, help_text)

    def read(**given: Any) -> Config:
        values = {name: holder.value for name, holder in holders.items()}
        parsed = {name: parse(values[name]) for name, parse in _PARSE.items()}
        return Config(**{**values, **parsed, **_replaced(values["labels"]), **given})

    return read


def _replaced(labels: str) -> dict[str, Any]:
    """Defaults for what a flag file gives, and the command line itself gives otherwise."""
    words = {word.lstrip("-").partition("=")[0] for word in sys.argv[1:] if word.startswith("-")}
    names = set() if words.isdisjoint(LENGTHS) else set(LENGTHS)
    if "labels" in words:
        names |= {name for name, kinds in USED_WITH.items() if labels not in kinds}
    return {name: DEFAULTS[name] for name in names - words}


def _value_type(hint: Any) -> type:
    """`int` of `int | None`."""
    if isinstance(hint, types.UnionType):
        return next(arg for arg in typing.get_args(hint) if arg is not types.NoneType)
    return hint


def _batch_size(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    try:
        return int(text)
    except ValueError as error:
        raise InputError(f"batch_size is {text!r}, expected a whole number, or auto.") from error


def _milestones(text: str) -> tuple[tuple[float, float], ...]:
    pairs = (item.split(":") for item in text.split(",") if item)
    try:
        return tuple((float(share), float(factor)) for share, factor in pairs)
    except ValueError as error:
        raise InputError(
            f"milestones is {text!r}, expected share:factor,... as in .5:.1,.75:.01."
        ) from error


# Of the fields whose flags are texts in a form of their own.
_PARSE: dict[str, Callable[[str], Any]] = {"batch_size": _batch_size, "milestones": _milestones}
