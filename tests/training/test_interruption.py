"""SIGTERM and Ctrl-C: the step in hand is finished and saved, and the same command goes on."""

import signal
import threading

import keras
import pytest
from test_run import assert_same_run, make_config, make_source

from coarse2fine.errors import Interrupted
from coarse2fine.training import train
from coarse2fine.training.interruption import Interruption


class Signal(keras.callbacks.Callback):
    """Sends this process a signal: in an update, or in an evaluation after one."""

    def __init__(self, number, step, in_evaluation=False):
        super().__init__()
        self._number, self._step, self._in_evaluation = number, step, in_evaluation

    def _send_at(self, step):
        if int(self.model.optimizer.iterations.numpy()) == step:
            signal.raise_signal(self._number)

    def on_train_batch_begin(self, batch, logs=None):
        if not self._in_evaluation:
            self._send_at(self._step - 1)

    def on_train_batch_end(self, batch, logs=None):
        if self._in_evaluation:
            self._send_at(self._step)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", [1, 13, 18, 27])
def test_finishes_the_update_saves_and_goes_on_as_if_nothing_had_been(tmp_path, number, step):
    config = make_config(
        schedule="plateau",
        plateau_patience=1,
        checkpoint_every_steps=None,
        track_training_accuracy=True,
        validation_fraction=0.2,
    )
    whole = train(config, tmp_path / "whole", source=make_source())
    with pytest.raises(Interrupted) as error:
        train(config, tmp_path / "cut", lambda *_: [Signal(number, step)], make_source())
    assert error.value.signal_number == number
    assert str(error.value) == (
        f"Stopped by {signal.Signals(number).name}. {tmp_path / 'cut'} is saved at update {step} "
        "of 27, and goes on from there with the same command."
    )
    assert [path.name for path in (tmp_path / "cut" / "checkpoints").glob("step-*")] == [
        f"step-{step}.npz"
    ]
    assert_same_run(whole, train(config, tmp_path / "cut", source=make_source()))


def test_handlers_are_as_before_afterwards():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with Interruption():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_second_signal_is_not_held_back(request):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted):
            interruption.on_test_batch_end(0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_other_threads_leave_signals_alone():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def look():
        with Interruption():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
