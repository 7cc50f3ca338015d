"""SIGTERM and Ctrl-C where nothing trains."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

_UNTIL_AGAIN = 0.05  # Seconds.


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends what is inside as Ctrl-C does, unless this process was told to ignore it.

    Both raise `KeyboardInterrupt` at any place, so also in a destructor or in what a garbage
    collection calls, where Python drops exceptions: such a signal is sent again.
    """
    hook = sys.unraisablehook

    def dropped(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            hook(unraisable)
            return
        number, main = number_of(unraisable.exc_value), threading.main_thread().ident
        again = threading.Timer(_UNTIL_AGAIN, signal.pthread_kill, [main, number])
        again.daemon = True
        again.start()

    is_default = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    sys.unraisablehook = dropped
    if is_default:
        signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        if is_default:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        sys.unraisablehook = hook


def number_of(interrupt: BaseException | None) -> int:
    """Of the signal that raised it; Python's own handler of Ctrl-C does not say."""
    return interrupt.args[0] if interrupt is not None and interrupt.args else signal.SIGINT


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)
