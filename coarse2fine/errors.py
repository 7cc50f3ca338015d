"""The one exception for bad input."""

from collections.abc import Iterable


class InputError(ValueError):
    """What a user passed cannot be used.

    The message says what was passed, what was expected, where, and what to do. Launchers print it
    without a stack; every other exception is a mistake of the library.
    """


def check_known(what: str, value: str, known: Iterable[str]) -> None:
    """Raises `InputError` naming the known values where `value` is none of them."""
    names = list(known)
    if value not in names:
        raise InputError(f"Unknown {what} {value!r}. Known: {', '.join(names)}.")
