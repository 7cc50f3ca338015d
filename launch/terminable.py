"""SIGTERM and Ctrl-C where nothing trains."""

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from coarse2fine.errors import Interrupted

_PYTHONS_OWN = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}

# Seconds until a signal that was lost is sent again: what lost it has ended by then, or loses it
# once more. Others that come within them are one with it, so none cuts short what sees to it.
_APART = 0.05


@contextlib.contextmanager
def terminable(advice: str = "") -> Iterator[None]:
    """Raises `Interrupted` where SIGTERM or Ctrl-C ends what is inside, unless they are ignored.

    Both raise `KeyboardInterrupt` at any place, so also in a destructor or in what a garbage
    collection calls, where Python drops exceptions: such a signal is sent again. A second one ends
    the process once this is left.

    Args:
        advice: what follows in the message.
    """
    asked, closed_until = signal.SIGINT, 0.0

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal asked, closed_until
        if time.monotonic() >= closed_until:
            asked, closed_until = signal.Signals(number), time.monotonic() + _APART
            raise KeyboardInterrupt

    def dropped(unraisable: Any) -> None:
        if unraisable.exc_type is KeyboardInterrupt:  # Raised here, it would be dropped as well.
            signal.setitimer(signal.ITIMER_REAL, _APART)
        else:
            hook(unraisable)

    def again(number: int, frame: FrameType | None) -> None:
        signal.raise_signal(asked)

    hook, alarm = sys.unraisablehook, signal.getsignal(signal.SIGALRM)
    before = {
        number: handler
        for number, handler in _PYTHONS_OWN.items()
        if signal.getsignal(number) == handler
    }
    try:
        sys.unraisablehook = dropped
        signal.signal(signal.SIGALRM, again)
        for number in before:
            signal.signal(number, end)
        yield
        if signal.getitimer(signal.ITIMER_REAL)[0]:
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise Interrupted(asked, f"Stopped by {asked.name}.{advice}") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.signal(signal.SIGALRM, alarm)
        sys.unraisablehook = hook
