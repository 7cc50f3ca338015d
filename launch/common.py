"""What the launchers share: the workdir flag, and errors in one line."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence

from absl import app, flags
from absl import logging as absl_logging

from coarse2fine.errors import InputError, Interrupted, WorkerLost

_INTERRUPTED = 128 + signal.SIGINT  # As a shell reports it.
_START_AGAIN = os.EX_TEMPFAIL

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


def run(main: Callable[..., None], takes_arguments: bool = False) -> None:
    """Runs a launcher; bad input ends in one message and exit code 2.

    Args:
        main: called without arguments, or with the list of those that are no flags.
        takes_arguments: whether there may be some; else they are refused.
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
            main(*([argv[1:]] if takes_arguments else []))
        except InputError as error:
            print(f"Error: {error}", file=sys.stderr)
            return 2
        except Interrupted as error:
            print(f"\n{error}", file=sys.stderr)
            return _INTERRUPTED if error.signal_number == signal.SIGINT else _START_AGAIN
        except WorkerLost as error:
            print(f"\n{error}", file=sys.stderr)
            return _START_AGAIN
        except KeyboardInterrupt:
            print(
                "\nInterrupted. Training goes on from its last checkpoint with the same command.",
                file=sys.stderr,
            )
            return _INTERRUPTED
        return None

    app.run(checked)
