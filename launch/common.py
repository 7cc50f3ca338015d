"""What the launchers share: the workdir flag, and errors in one line."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence

from absl import app, flags
from absl import logging as absl_logging
from terminable import terminable

from coarse2fine.errors import InputError, Interrupted, WorkerLost

_INTERRUPTED = 128 + signal.SIGINT  # As a shell reports it.
_START_AGAIN = os.EX_TEMPFAIL
_ADVICE = " The same command goes on from what the workdir holds."

# TensorFlow reports its start on stderr; errors still show.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

flags.disclaim_key_flags()  # The flags defined here belong to the launcher, and to its --help.


def define_workdir(help_text: str) -> flags.FlagHolder[str]:
    """Defines --workdir, which must be given."""
    holder = flags.DEFINE_string("workdir", None, help_text, required=True)
    flags.register_validator(holder, bool, "it must name a folder")
    return holder


def define_checkpoint() -> flags.FlagHolder[str]:
    """Defines --checkpoint."""
    return flags.DEFINE_enum(
        "checkpoint", "newest", ["newest", "best"], "Of these weights: best by validation accuracy."
    )


def define_integers(name: str, help_text: str) -> Callable[[], list[int]]:
    """Defines a flag that lists whole numbers from 0 on; returns what reads them."""
    holder = flags.DEFINE_list(name, [], help_text)
    flags.register_validator(
        holder,
        lambda texts: all(text.isdecimal() for text in texts),
        "it must list whole numbers, as in 0,1,2",
    )
    return lambda: [int(text) for text in holder.value]


def run(main: Callable[..., None], takes_arguments: bool = False, goes_on: bool = False) -> None:
    """Runs a launcher; bad input ends in one message and exit code 2, a signal in one too.

    Args:
        main: called without arguments, or with the list of those that are no flags.
        takes_arguments: whether there may be some; else they are refused.
        goes_on: whether the same command goes on from what an earlier one has done.
    """

    def checked(argv: Sequence[str]) -> int | None:
        if not flags.FLAGS["verbosity"].present:
            absl_logging.set_verbosity(absl_logging.ERROR)
            # That silences all loggers but those with a level of their own.
            logging.getLogger("coarse2fine").setLevel(logging.WARNING)
        try:
            if len(argv) > 1 and not takes_arguments:
                raise InputError(
                    f"Unexpected arguments: {' '.join(argv[1:])}. Flags start with --."
                )
            with terminable(_ADVICE if goes_on else ""):
                main(*([argv[1:]] if takes_arguments else []))
        except InputError as error:
            _report(f"Error: {error}")
            return 2
        except Interrupted as error:
            _report(str(error))
            return _INTERRUPTED if error.signal_number == signal.SIGINT else _START_AGAIN
        except WorkerLost as error:
            _report(str(error))
            return _START_AGAIN
        return None

    app.run(checked)


def _report(text: str) -> None:
    if sys.stdout.isatty():  # The line may hold a progress bar that is not finished.
        print(flush=True)
    print(text, file=sys.stderr)
