"""One process to a workdir."""

import errno
import fcntl
import os
import pathlib
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
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (tmp_path, os.W_OK))
    with locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def refuse_to_write(monkeypatch, code=errno.EACCES):
    """Has the system refuse to open files for writing, as those of another user."""
    own = pathlib.Path.open

    def open_(path, mode="r", *args, **kwargs):
        if mode not in ("r", "rb"):
            raise OSError(code, os.strerror(code))
        return own(path, mode, *args, **kwargs)

    monkeypatch.setattr("pathlib.Path.open", open_)


def test_another_users_lock_file_in_a_shared_folder_holds_too(tmp_path, monkeypatch):
    (tmp_path / "lock").write_text("process 1 on there\n")
    refuse_to_write(monkeypatch)
    with locked(tmp_path), pytest.raises(InputError) as error, locked(tmp_path):
        pass
    assert str(error.value) == (
        f"{tmp_path} is in use by process 1 on there. Wait for it, stop it, or use another workdir."
    )


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOSPC])
def test_a_lock_file_that_cannot_be_opened_is_named(tmp_path, monkeypatch, code):
    refuse_to_write(monkeypatch, code)
    with pytest.raises(InputError) as error, locked(tmp_path):
        pass
    assert str(error.value) == f"{tmp_path}/lock cannot be opened: {os.strerror(code)}."


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(InputError) as error, locked(tmp_path):
        pass
    assert str(error.value) == (
        f"{tmp_path}/lock cannot be locked: {os.strerror(code)}. Use a workdir on a file system "
        "that has locks."
    )


def test_a_full_disk_is_named(tmp_path):
    # The first write fails that makes the file longer.
    script = (
        "import pathlib, resource, sys; from coarse2fine.training.lock import locked; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); "
        "locked(pathlib.Path(sys.argv[1])).__enter__()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1] == (
        f"coarse2fine.errors.InputError: {tmp_path}/lock cannot be written: File too large."
    )
