"""One process to a workdir."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from coarse2fine.errors import InputError
from coarse2fine.training.lock import locked

HOLD = """
import pathlib, sys, time
from coarse2fine.training.lock import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_told_who_has_it(tmp_path, holder):
    with pytest.raises(InputError) as error, locked(tmp_path):
        pass
    assert str(error.value) == (
        f"{tmp_path} is in use by process {holder.pid} on {socket.gethostname()}. Wait for it, "
        "stop it, or use another workdir."
    )


def test_a_dead_process_frees_it(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with locked(tmp_path):
        text = (tmp_path / "lock").read_text()
    assert text == f"process {os.getpid()} on {socket.gethostname()}\n"


def test_it_is_free_again_afterwards(tmp_path):
    for _ in range(2):
        with locked(tmp_path):
            pass


def test_a_folder_that_cannot_be_written_is_not_locked(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(InputError) as error, locked(tmp_path):
        pass
    assert str(error.value) == f"{tmp_path}/lock cannot be written: No space left on device."
