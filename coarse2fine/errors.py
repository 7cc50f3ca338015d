"""The exceptions that a user meets."""

from collections.abc import Iterable


class InputError(ValueError):
    """What a user passed cannot be used.

    The message says what was passed, what was expected, where, and what to do. Launchers print it
    without a stack; every other exception is a mistake of the library.
    """


class Interrupted(Exception):
    """A signal asked a run to stop; it has saved, and goes on when it is started again.

    Args:
        signal_number: of the signal.
        message: what the run has reached.
    """

    def __init__(self, signal_number: int, message: str):
        super().__init__(message)
        self.signal_number = signal_number


def check_known(what: str, value: str, known: Iterable[str]) -> None:
    """Raises `InputError` naming the known values where `value` is none of them."""
    names = list(known)
    if value not in names:
        raise InputError(f"Unknown {what} {value!r}. Known: {', '.join(names)}.")
