"""What the launchers share: flags made from the config, and errors in one line."""

import dataclasses
import os
import sys
import types
import typing
from collections.abc import Callable, Sequence

from absl import app, flags, logging

from coarse2fine.errors import InputError
from coarse2fine.training.config import CHOICES, Config

# TensorFlow reports its start on stderr; errors still show.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

flags.disclaim_key_flags()  # The flags defined here belong to the launcher, and to its --help.

_DEFINE = {int: flags.DEFINE_integer, float: flags.DEFINE_float, str: flags.DEFINE_string}


def define_workdir(help_text: str) -> flags.FlagHolder[str]:
    """Defines --workdir, which must be given."""
    return flags.DEFINE_string("workdir", None, help_text, required=True)


def define_config() -> Callable[[], Config]:
    """Defines a flag for each field of `Config`; returns what reads them into one."""
    hints = typing.get_type_hints(Config)
    holders = {}
    for field in dataclasses.fields(Config):
        name, help_text = field.name, field.metadata["help"]
        if name in CHOICES:
            holders[name] = flags.DEFINE_enum(name, field.default, CHOICES[name], help_text)
        elif name == "milestones":
            holders[name] = flags.DEFINE_list(name, [], help_text)
        elif hints[name] is bool:
            holders[name] = flags.DEFINE_bool(name, field.default, help_text)
        else:
            holders[name] = _DEFINE[_value_type(hints[name])](name, field.default, help_text)

    def read() -> Config:
        values = {name: holder.value for name, holder in holders.items()}
        return Config(**{**values, "milestones": _milestones(values["milestones"])})

    return read


def run(main: Callable[..., None], takes_arguments: bool = False) -> None:
    """Runs a launcher; bad input ends in one message and exit code 2.

    Args:
        main: called without arguments, or with the list of those that are no flags.
        takes_arguments: whether there may be some; else they are refused.
    """

    def checked(argv: Sequence[str]) -> int | None:
        if len(argv) > 1 and not takes_arguments:
            raise app.UsageError(f"Unexpected arguments: {' '.join(argv[1:])}.")
        if flags.FLAGS["verbosity"].using_default_value:
            logging.set_verbosity(logging.WARNING)
        try:
            main(*([argv[1:]] if takes_arguments else []))
        except InputError as error:
            print(f"Error: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print(
                "\nInterrupted. Checkpoints are kept; the same command goes on from the last one.",
                file=sys.stderr,
            )
            return 130
        return None

    app.run(checked)


def _value_type(hint: typing.Any) -> type:
    """`int` of `int | None`."""
    if isinstance(hint, types.UnionType):
        return next(arg for arg in typing.get_args(hint) if arg is not types.NoneType)
    return hint


def _milestones(items: Sequence[str]) -> tuple[tuple[float, float], ...]:
    try:
        return tuple(
            (float(share), float(factor)) for share, factor in (i.split(":") for i in items)
        )
    except ValueError as error:
        raise InputError(
            f"milestones is {','.join(items)!r}, expected share:factor,... as in .5:.1,.75:.01."
        ) from error
