"""Files that are written whole or not at all."""

import contextlib
import errno
import json
import os
import pathlib
import time
import tokenize
import uuid
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from coarse2fine.errors import InputError, reason_of

# What reading a zip file, whose parts may be damaged in any place, is stopped by. A header that
# numpy cannot parse as Python's literals is tokenized; one can ask for more memory than there is.
UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
    MemoryError,
    tokenize.TokenError,
)

UNFINISHED = ".unfinished"
"""What a file's name ends with until all of it has been written."""

_TICK_NS = 2 * 10**9


def make_folder(path: pathlib.Path) -> None:
    """Makes a folder, and those that it lies in, where they are missing.

    Raises:
        InputError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def remove_file(path: pathlib.Path) -> None:
    """Removes a file where there is one.

    Raises:
        InputError: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def rename_file(path: pathlib.Path, new: pathlib.Path) -> None:
    """Gives a file another name, in place of what had that.

    Raises:
        InputError: it cannot be renamed.
    """
    try:
        path.replace(new)
    except OSError as error:
        raise _unwritable(path, error) from error


def is_recent(changed_ns: int, since_ns: int | None = None) -> bool:
    """Whether a file or folder changed just now, so that it may change again and keep its time.

    Just now is from two seconds ago, the tick of the coarsest clock that files are dated by; and
    up to two seconds ahead. A clock that is further ahead is another one, and no sign of a change.

    Args:
        changed_ns: its time.
        since_ns: when what is known of it began to be read; by default now.
    """
    now_ns = time.time_ns()
    since_ns = now_ns if since_ns is None else since_ns
    return since_ns - _TICK_NS < changed_ns < now_ns + _TICK_NS


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes UTF-8 text in place of what was there; raises as `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def append_text(path: pathlib.Path, text: str) -> None:
    """Writes UTF-8 text behind what is there, where it outlives a loss of power.

    Raises:
        InputError: the file cannot be written; a part of the text may be in it.
    """
    try:
        with open(path, "a", encoding="utf-8", opener=_without_links) as file:
            file.write(text)
            file.flush()
            _sync(file.fileno())
    except OSError as error:
        raise _unwritable(path, error) from error


def sync_path(path: pathlib.Path) -> None:
    """Returns when what was written to a file, or the names in a folder, outlive a loss of power.

    Raises:
        OSError: the system cannot say so.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: pathlib.Path, content: bytes, is_shared: bool = False) -> None:
    """Writes bytes in place of what was there.

    Args:
        path: of the file.
        content: of it.
        is_shared: whether the file is of a cache: other processes may write it at the same time,
            and it need not outlive a loss of power.

    Raises:
        InputError: the file cannot be written; what was there still is.
    """
    with _written_whole(path, is_shared) as file:
        file.write(content)


def write_json(path: pathlib.Path, content: Any) -> None:
    """Writes JSON in place of what was there; raises as `write_bytes`."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_json(path: pathlib.Path, keys: Iterable[str]) -> dict[str, Any]:
    """Reads an object that `write_json` wrote.

    Raises:
        InputError: a file that is missing, is no JSON object or lacks one of `keys`.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {**content, **{key: content[key] for key in keys}}
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise _unreadable(path, error) from error


def write_arrays(
    path: pathlib.Path, arrays: Mapping[str, np.ndarray], is_shared: bool = False
) -> None:
    """Writes an `.npz` file in place of what was there; as `write_bytes`."""
    named: dict[str, Any] = dict(arrays)
    with _written_whole(path, is_shared) as file:
        np.savez(file, **named)


def read_arrays(path: pathlib.Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Reads these arrays of what `write_arrays` wrote.

    Raises:
        InputError: a file that is missing, holds no arrays or lacks one of `names`.
    """
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is no .npz file")
            file.seek(0)
            _check_stored(file)
            file.seek(0)
            with np.load(file, allow_pickle=False) as saved:
                arrays: dict[str, Any] = {name: saved.get(name) for name in names}
    except UNREADABLE as error:
        raise _unreadable(path, error) from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise _unreadable(path, KeyError(name))
    return arrays


def whole_arrays(path: pathlib.Path) -> set[str]:
    """The names of a file's arrays; none where a checksum or its form says that it is damaged.

    The checksums are of the arrays alone: that none is missing is for the caller to see.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: the system does not give the file, which says nothing about what it holds.
    """
    try:
        with zipfile.ZipFile(path) as file:
            if not _is_stored(file) or file.testzip() is not None:
                return set()
            return {name.removesuffix(".npy") for name in file.namelist()}
    except FileNotFoundError:
        raise
    except OSError as error:
        # A damaged place may lead before the file's beginning.
        if error.errno == errno.EINVAL:
            return set()
        raise InputError(f"{path} cannot be read: {reason_of(error)}.") from error
    except (*UNREADABLE, OverflowError):
        return set()


def _without_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _check_stored(file: BinaryIO) -> None:
    with zipfile.ZipFile(file) as archive:
        if not _is_stored(archive):
            raise ValueError("it is compressed")


def _is_stored(archive: zipfile.ZipFile) -> bool:
    """Whether nothing is compressed: a few bytes that are could stand for any number of them."""
    return all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())


@contextlib.contextmanager
def _written_whole(path: pathlib.Path, is_shared: bool = False) -> Iterator[BinaryIO]:
    """A file that takes the place of what was there when all of it has been written."""
    # Writers at the same time need names of their own; else the next one tidies up after the last.
    own = f".{uuid.uuid4().hex}" if is_shared else ""
    unfinished = path.with_name(path.name + own + UNFINISHED)
    try:
        unfinished.unlink(missing_ok=True)
        with unfinished.open("xb") as file:  # No link leads elsewhere.
            yield file
            if not is_shared:
                file.flush()
                _sync(file.fileno())
        os.replace(unfinished, path)
        if not is_shared:
            sync_path(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # Of what keeps nothing: a terminal, some folders.
            raise


def _unwritable(path: pathlib.Path, error: OSError) -> InputError:
    return InputError(f"{path} cannot be written: {reason_of(error)}.")


def _unreadable(path: pathlib.Path, error: Exception) -> InputError:
    reason = f"it lacks {error}" if isinstance(error, KeyError) else reason_of(error)
    return InputError(f"{path} cannot be read: {reason}. It was not written by this version.")
