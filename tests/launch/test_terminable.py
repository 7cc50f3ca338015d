"""Signals that fall where Python drops what their handlers raise."""

import gc
import importlib
import signal
import sys
import time

import pytest

from coarse2fine.errors import Interrupted


@pytest.fixture
def terminable(launcher_flags):
    """Imported as a launcher does."""
    return importlib.import_module("terminable").terminable


def call_in_a_collection(call):
    """Calls where a garbage collection does."""

    def collected(*_):
        call()

    gc.callbacks.append(collected)
    gc.collect()
    gc.callbacks.remove(collected)


def call_in_a_destructor(call):
    """Calls where an object ends."""

    class Ends:
        def __del__(self):
            call()

    Ends()


PLACES = [call_in_a_collection, call_in_a_destructor]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("seconds", [40, 0])
def test_a_dropped_signal_is_heard(terminable, number, place, times, seconds):
    numbers = signal.SIGTERM, signal.SIGINT, signal.SIGALRM
    before = sys.unraisablehook, [signal.getsignal(number) for number in numbers]
    begin = time.monotonic()

    @terminable(" Advice.")
    def run():
        for _ in range(times):
            place(lambda: signal.raise_signal(number))
        time.sleep(seconds)  # Without, it finds the launcher at its end.

    with pytest.raises(Interrupted) as error:
        run()
    assert str(error.value) == f"Stopped by {signal.Signals(number).name}. Advice."
    assert error.value.signal_number == number
    assert time.monotonic() - begin < 20
    assert (sys.unraisablehook, [signal.getsignal(number) for number in numbers]) == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_does_not_cut_short_what_sends_another_again(terminable, monkeypatch, number):
    set_timer = signal.setitimer

    def set_and_send(which, seconds):
        if seconds:
            signal.raise_signal(number)
        return set_timer(which, seconds)

    @terminable()
    def run():
        call_in_a_destructor(lambda: signal.raise_signal(number))
        time.sleep(40)

    monkeypatch.setattr(signal, "setitimer", set_and_send)
    begin = time.monotonic()
    with pytest.raises(Interrupted):
        run()
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize("place", PLACES)
def test_what_else_is_dropped_is_shown_as_before(terminable, monkeypatch, place):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: seen.append(dropped.exc_type))
    with terminable():
        place(lambda: 1 / 0)
    assert set(seen) == {ZeroDivisionError}
