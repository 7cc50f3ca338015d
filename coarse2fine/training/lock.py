"""One process to a folder."""

import contextlib
import fcntl
import os
import pathlib
import socket
from collections.abc import Iterator
from typing import IO

from coarse2fine.errors import InputError, reason_of

LOCK_FILE = "lock"


class InUse(InputError):
    """Another process has the folder."""


@contextlib.contextmanager
def locked(folder: pathlib.Path) -> Iterator[None]:
    """Keeps other processes that ask for the same folder out of it.

    The lock is the system's, on a file: it ends with the process, however that ends. A folder that
    cannot be written is not locked, since nobody can train in it.

    Args:
        folder: that there is.

    Raises:
        InUse: another process has it.
        InputError: its file system has no locks.
    """
    if not os.access(folder, os.W_OK):
        yield
        return
    path = folder / LOCK_FILE
    with _opened(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUse(
                f"{folder} is in use by {_holder(path) or 'another process'}. Wait for it, "
                "stop it, or use another workdir."
            ) from error
        except OSError as error:
            raise InputError(
                f"{path} cannot be locked: {reason_of(error)}. Use a workdir on a file system "
                "that has locks."
            ) from error
        if file.writable():
            _note_holder(path, file)
        yield


def _note_holder(path: pathlib.Path, file: IO[bytes]) -> None:
    try:
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
    except OSError as error:
        raise InputError(f"{path} cannot be written: {reason_of(error)}.") from error


def _opened(path: pathlib.Path) -> IO[bytes]:
    """The file; for reading alone where it is another user's, which a lock asks no more of."""
    try:
        try:
            return path.open("ab", buffering=0)
        except PermissionError:
            if not path.exists():
                raise
            return path.open("rb", buffering=0)
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {reason_of(error)}.") from error


def _holder(path: pathlib.Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
