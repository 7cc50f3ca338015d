"""Signals that ask a run to stop."""

import signal
import threading
from types import FrameType
from typing import Any, Self

import keras

from coarse2fine.errors import Interrupted
from coarse2fine.training.workers import Workers

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption(keras.callbacks.Callback):
    """Ends training after the batch in hand, once SIGTERM or Ctrl-C asked for it.

    Within the context the two signals are noted; the callback raises `Interrupted` when the batch
    in hand is done, be it one of training or of an evaluation at an epoch's end, and on all workers
    where one got the signal. A second signal is not noted but does what it does without a run, as
    does the first where all batches are done. Only the main thread can do this: in others signals
    are left alone, as is a signal that this process was told to ignore.

    Args:
        workers: of the run.
    """

    def __init__(self, workers: Workers) -> None:
        super().__init__()
        self._workers = workers
        self._asked: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {
                number: signal.signal(number, self._note)
                for number in _SIGNALS
                # None: what handles it is not Python's, and could not be put back.
                if signal.getsignal(number) not in (signal.SIG_IGN, None)
            }
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: Any) -> None:
        self._give_back()
        if self._asked is not None and error_type is None:  # No batch followed.
            signal.raise_signal(self._asked)

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._asked = number
        self._give_back()

    def check(self) -> None:
        """Raises `Interrupted` where that was asked for."""
        if not self._workers.any(self._asked is not None):
            return
        if self._asked is None:
            raise Interrupted(signal.SIGTERM, "Another worker was asked to stop.")
        raise Interrupted(self._asked, f"Stopped by {signal.Signals(self._asked).name}.")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Raises `Interrupted` where that was asked for."""
        self.check()

    on_test_batch_end = on_train_batch_end
