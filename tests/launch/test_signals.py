"""Launchers that a signal stops outside of an update: what they say, and their exit codes."""

import importlib
import signal
import sys

import pytest

from coarse2fine.taxonomy import cifar100

GOES_ON = " The same command goes on from what the workdir holds."


@pytest.fixture
def stopped(monkeypatch):
    """Has a function send a signal in place of what it does."""

    def stop(module, function, number):
        module = importlib.import_module(module)
        monkeypatch.setattr(module, function, lambda *_, **__: signal.raise_signal(number))

    return stop


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
@pytest.mark.parametrize(
    ("name", "module", "function", "advice"),
    [
        ("train", "coarse2fine.training.run", "load_split", GOES_ON),
        ("compare", "coarse2fine.experiments.compare", "load_split", GOES_ON),
        ("evaluate", "coarse2fine.training.run", "load_run", ""),
        ("export", "coarse2fine.training.run", "load_run", ""),
    ],
)
def test_a_signal_outside_of_training_is_told_in_one_line(
    launch, tmp_path, stopped, number, code, name, module, function, advice
):
    before = signal.getsignal(signal.SIGTERM)
    stopped(module, function, number)
    output = {"output": tmp_path / "model"} if name == "export" else {}
    assert launch(name, workdir=tmp_path, **output) == (
        code,
        "",
        f"Stopped by {signal.Signals(number).name}.{advice}\n",
    )
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_that_is_ignored_stays_so(launch, tmp_path, monkeypatch, request):
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    request.addfinalizer(lambda: signal.signal(signal.SIGTERM, before))

    def read(path):
        signal.raise_signal(signal.SIGTERM)
        return cifar100()

    monkeypatch.setattr("coarse2fine.taxonomy.ilsvrc2010", read)
    code, out, err = launch("taxonomy", ilsvrc2010=tmp_path / "meta.mat")
    assert (code, err) == (None, "")
    assert out.startswith("Coarse classes: 20. ")


def test_on_a_terminal_an_error_does_not_follow_a_progress_bar(launch, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    code, out, err = launch("evaluate", workdir=tmp_path)
    assert (code, out) == (2, "\n")
    assert err == f"Error: {tmp_path} holds no run: there is no {tmp_path / 'config.json'}.\n"
