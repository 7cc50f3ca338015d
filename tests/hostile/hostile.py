"""Made-up input, and what calls a reader with it and sees that nothing else happens."""

import contextlib
import os
import pathlib
import random
import signal

from coarse2fine.errors import InputError

MOST_SECONDS = 10


class TooSlow(BaseException):
    """A case took longer than it may; no reader can catch it by accident."""


class Trap:
    """What a pickle would call: it makes the folder that it names."""

    def __init__(self, path):
        self._path = str(path)

    def __reduce__(self):
        return os.mkdir, (self._path,)


@contextlib.contextmanager
def time_limit(seconds=MOST_SECONDS):
    def stop(number, frame):
        raise TooSlow(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def attempt(read, *args):
    """What a reader returns, or the `InputError` that it ends in, whose message has one line."""
    with time_limit():
        try:
            return read(*args)
        except InputError as error:
            message = str(error)
            assert message.strip()
            assert "\n" not in message, message
            return error


def is_refused(read, *args):
    return isinstance(attempt(read, *args), InputError)


def state(folder):
    """The files, folders and links below a folder, with what changes when they are written."""
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        status = path.lstat()
        found[str(path)] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


DICTIONARY = [
    *(b"\0", b'"', b",", b"\n", b"\r\n", b"\xff", b"[", b"]", b"{", b"}", b":", b"\\", b"'"),
    *(b"\xef\xbb\xbf", b"\\ud800", b"\\u0000", b"NaN", b"1e999", b"-1", b"true", b"null"),
    *(b"../", b"/etc/passwd", b"\xff\xd8\xff", b"\xff\xd9", b"\xff\xc0", b"\xff\xda", b"IHDR"),
    *(b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80", b"\x21\xf9", b"\x2c", b"BM"),
    *(b"9" * 30, b"9" * 5000, b"[" * 3000, b'{"a":' * 3000, b"\x01", b"\x28\0\0\0", b"\x0c\0\0\0"),
]


def mutated(content, rng, most=6):
    """Bytes with a few of them changed, cut out, doubled or put in, or their end cut off."""
    content = bytearray(content)
    for _ in range(rng.randint(1, most)):
        start = rng.randrange(len(content) + 1)
        stop = min(len(content), start + rng.choice([0, 1, 1, 2, 4, 8, 40]))
        content[start:stop] = rng.choice(
            [
                lambda: b"",
                lambda: bytes(content[start:stop]) * 2,  # noqa: B023
                lambda: rng.randbytes(stop - start),  # noqa: B023
                lambda: rng.choice(DICTIONARY),
                lambda: rng.choice(DICTIONARY),
            ]
        )()
    return bytes(content[: rng.choice([len(content)] * 5 + [rng.randrange(len(content) + 1)])])


def check_mutations(path, content, read, num, seed):
    """Reads or refuses `num` changed contents; some of either kind."""
    rng = random.Random(seed)
    refused = 0
    for _ in range(num):
        path.write_bytes(mutated(content, rng))
        refused += is_refused(read, path)
    assert refused > 0
