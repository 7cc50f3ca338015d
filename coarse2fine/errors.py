"""The exceptions that a user meets, and what their messages share."""

import errno
import os
from collections.abc import Iterable, Sized


class InputError(ValueError):
    """What a user passed cannot be used.

    The message says what was passed, what was expected, where, and what to do. Launchers print it
    without a stack; every other exception is a mistake of the library.
    """


class Interrupted(Exception):
    """A signal asked what ran to stop; a run has saved, and goes on when it is started again.

    Args:
        signal_number: of the signal.
        message: what the run has reached.
    """

    def __init__(self, signal_number: int, message: str):
        super().__init__(message)
        self.signal_number = signal_number


class WorkerLost(Exception):
    """Another worker of the run has ended; started again, all go on from the last checkpoint."""


def check_known(what: str, value: str, known: Iterable[str]) -> None:
    """Raises `InputError` naming the known values where `value` is none of them."""
    names = list(known)
    if value not in names:
        raise InputError(f"Unknown {what} {value!r}. Known: {', '.join(names)}.")


def check_some(what: str, given: Sized) -> None:
    """Raises `InputError` where there is nothing to draw."""
    if not len(given):
        raise InputError(f"There are no {what} to draw.")


def check_path(what: str, path: str | os.PathLike[str]) -> None:
    """Raises `InputError` where no file can have the name `path`, of a `what`.

    So it is where it holds a character that names cannot, or is too long for the file system.
    """
    try:
        os.lstat(path)
    except ValueError as error:  # The other characters.
        raise InputError(f"{what} {str(path)!r}: no file can have this name.") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(f"{what} {shown(path)}: {reason_of(error)}. Use a shorter one.") from (
                error
            )


def listed(names: Iterable[str], between: str = ", ", most: int = 10) -> str:
    """The first names, and how many there are beside."""
    names = list(names)
    if len(names) > most:
        names[most:] = [f"and {len(names) - most:,} more"]
    return between.join(names) or "(none)"


def shown(path: str | os.PathLike[str]) -> str:
    """A path as it stands in a message: in quotes where it holds what cannot be printed."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def reason_of(error: Exception) -> str:
    """What an error says, in one line: the system's words alone where it has some."""
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
