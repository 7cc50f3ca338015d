"""SIGTERM and Ctrl-C: the step in hand is finished and saved, and the same command goes on."""

import signal
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_run import assert_same_run, make_config, make_source, weights_of

from coarse2fine.errors import Interrupted
from coarse2fine.training import train
from coarse2fine.training.interruption import Interruption
from coarse2fine.training.workers import Workers

CONFIG = make_config(
    schedule="plateau",
    plateau_patience=1,
    checkpoint_every_steps=None,
    track_training_accuracy=True,
    validation_fraction=0.2,
)


class Signal(keras.callbacks.Callback):
    """Sends this process a signal: in an update, or at the end of an epoch after it."""

    def __init__(self, number, step, at_epoch_end=False):
        super().__init__()
        self._number, self._step, self._at_epoch_end = number, step, at_epoch_end

    def _send_at(self, step):
        if int(self.model.optimizer.iterations.numpy()) == step:
            signal.raise_signal(self._number)

    def on_train_batch_begin(self, batch, logs=None):
        if not self._at_epoch_end:
            self._send_at(self._step - 1)

    def on_epoch_end(self, epoch, logs=None):
        if self._at_epoch_end:
            self._send_at(self._step)


def make_interruption():
    return Interruption(Workers(tf.distribute.get_strategy()))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing stopped."""
    return train(CONFIG, tmp_path_factory.mktemp("whole"), source=make_source())


@pytest.mark.parametrize(
    ("step", "number"),
    [(1, signal.SIGTERM), (13, signal.SIGINT), (18, signal.SIGTERM), (27, signal.SIGINT)],
)
def test_finishes_the_update_saves_and_goes_on_as_if_nothing_had_been(
    whole, tmp_path, step, number
):
    with pytest.raises(Interrupted) as error:
        train(CONFIG, tmp_path / "cut", lambda *_: [Signal(number, step)], make_source())
    assert error.value.signal_number == number
    assert str(error.value) == (
        f"Stopped by {signal.Signals(number).name}. {tmp_path / 'cut'} is saved at update {step} "
        "of 27, and goes on from there with the same command."
    )
    assert [path.name for path in (tmp_path / "cut" / "checkpoints").glob("step-*")] == [
        f"step-{step}.npz"
    ]
    assert_same_run(whole, train(CONFIG, tmp_path / "cut", source=make_source()))


def test_a_signal_after_the_last_update_of_a_search_stops_before_the_replay(tmp_path):
    config = make_config(schedule="plateau", epochs=2, validation_fraction=0.2, refit=True)
    whole = train(config, tmp_path / "whole", source=make_source())
    last = Signal(signal.SIGTERM, 18, at_epoch_end=True)
    with pytest.raises(Interrupted) as error:
        train(config, tmp_path / "cut", lambda *_: [last], make_source())
    assert str(error.value) == (
        f"Stopped by SIGTERM. {tmp_path / 'cut' / 'search'} is saved at update 18 of 18, and goes "
        "on from there with the same command."
    )
    assert not (tmp_path / "cut" / "checkpoints").exists()
    again = train(config, tmp_path / "cut", source=make_source())
    for a, b in zip(weights_of(whole), weights_of(again), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_signal_after_the_last_update_is_told_once_all_is_written(whole, tmp_path):
    last = Signal(signal.SIGINT, whole.step, at_epoch_end=True)
    with pytest.raises(Interrupted):
        train(CONFIG, tmp_path / "cut", lambda *_: [last], make_source())
    before = (tmp_path / "cut" / "metrics.jsonl").read_bytes()
    assert_same_run(whole, train(CONFIG, tmp_path / "cut", source=make_source()))
    assert (tmp_path / "cut" / "metrics.jsonl").read_bytes() == before


def test_handlers_are_as_before_afterwards():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with make_interruption():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_signal_that_is_ignored_stays_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with make_interruption() as interruption:
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.raise_signal(signal.SIGINT)
        interruption.check()


def test_a_second_signal_is_not_held_back():
    def send_two():
        with make_interruption() as interruption:
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(Interrupted):
                interruption.on_test_batch_end(0)
            signal.raise_signal(signal.SIGINT)
            pytest.fail("the second signal was held back")

    with pytest.raises(KeyboardInterrupt):
        send_two()


def test_a_signal_that_nobody_looks_for_any_more_is_not_lost():
    def send_late():
        with make_interruption() as interruption:
            interruption.check()
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        send_late()


def test_other_threads_leave_signals_alone():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def look():
        with make_interruption():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
