"""One process to a folder."""

import contextlib
import errno
import fcntl
import os
import pathlib
import socket
from collections.abc import Iterator

from coarse2fine.errors import InputError

LOCK_FILE = "lock"

_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def locked(folder: pathlib.Path) -> Iterator[None]:
    """Keeps other processes that ask for the same folder out of it.

    The lock is the system's, on a file: it ends with the process, however that ends. A folder that
    cannot be written is not locked, since nobody can train in it.

    Args:
        folder: that there is.

    Raises:
        InputError: another process has it.
    """
    path = folder / LOCK_FILE
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise InputError(f"{path} cannot be written: {error.strerror}.") from error
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise InputError(
                f"{folder} is in use by {file.read().strip() or 'another process'}. Wait for it, "
                "stop it, or use another workdir."
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
