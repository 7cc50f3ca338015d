"""Doing jobs, in one process or in several on a common folder."""

import collections
import contextlib
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence

from coarse2fine.errors import InputError, Interrupted, WorkerLost, reason_of
from coarse2fine.files import make_folder
from coarse2fine.reproduction.job import Job
from coarse2fine.training.batch_size import Say
from coarse2fine.training.lock import InUse, locked

TRIES = 2
_POLL_SECONDS = 2.0


def work_off(
    jobs: Sequence[Job],
    home: pathlib.Path,
    do: Callable[[Job, pathlib.Path], None],
    say: Say,
    poll_seconds: float = _POLL_SECONDS,
) -> dict[Job, str]:
    """Does those jobs that are not finished, and waits for those that other processes do.

    A process that does a job holds a lock on `home/leases/<job>`, which the system gives back
    however that process ends: so no two do the same, and what one leaves another goes on with. A
    job that fails is tried once more, after all others.

    Args:
        jobs: in the order in which to do them.
        home: the experiments' folder; a job's is `home/runs/<job>`.
        do: does a job in its folder.
        say: takes a line on each job.
        poll_seconds: how long to wait before looking again at what others do.

    Returns:
        Why each job that failed did.
    """
    waiting = [job for job in jobs if not job.is_finished(folder_of(job, home))]
    tries: dict[Job, int] = collections.Counter()
    failures: dict[Job, str] = {}
    while waiting:
        left = []
        for number, job in enumerate(waiting, start=1):
            try:
                with _leased(home, job.name):
                    if not job.is_finished(folder_of(job, home)):
                        say(f"{job.name}: {number} of {len(waiting)}")
                        do(job, folder_of(job, home))
            except InUse:
                left.append(job)
            except (Interrupted, WorkerLost):
                raise
            except Exception as error:
                tries[job] += 1
                reason = str(error) if isinstance(error, InputError) else _described(error)
                say(f"{job.name} failed: {reason}")
                if tries[job] < TRIES:
                    left.append(job)
                else:
                    failures[job] = reason
        if left and not any(tries[job] for job in left):
            if left != waiting:
                say(f"Waiting for {len(left)} runs that other processes do.")
            time.sleep(poll_seconds)
        waiting = left
    return failures


def folder_of(job: Job, home: pathlib.Path) -> pathlib.Path:
    """The workdir of a job's run."""
    return home / "runs" / job.name


@contextlib.contextmanager
def waiting_lease(home: pathlib.Path, name: str) -> Iterator[None]:
    """Holds a lease, once no other process does."""
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(_leased(home, name))
                break
            except InUse:
                time.sleep(_POLL_SECONDS)
        yield


def _leased(home: pathlib.Path, name: str) -> contextlib.AbstractContextManager[None]:
    folder = home / "leases" / name
    make_folder(folder)
    return locked(folder)


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {reason_of(error)}"
