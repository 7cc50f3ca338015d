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
LEASES = "leases"
_POLL_SECONDS = 2.0


def work_off(
    jobs: Sequence[Job],
    home: pathlib.Path,
    do: Callable[[Job, pathlib.Path], None],
    say: Say,
    poll_seconds: float = _POLL_SECONDS,
) -> Iterator[tuple[Job, str | None]]:
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

    Yields:
        Each job once it is finished or has failed, in that case with the reason.
    """
    waiting, tries = list(jobs), collections.Counter[Job]()
    said: set[Job] = set()
    has_said = False
    while waiting:
        left = []
        is_idle = True
        for number, job in enumerate(waiting, start=1):
            reason, folder = None, folder_of(job, home)
            if job.is_finished(folder):
                yield job, None
                continue
            try:
                with _leased(home, job.name):
                    if not job.is_finished(folder):
                        if job not in said:
                            say(f"{job.name}: {number} of {len(waiting)}")
                        said.add(job)
                        do(job, folder)
                        is_idle = False
            except InUse:  # Of the lease, or of the run itself.
                left.append(job)
                continue
            except (Interrupted, WorkerLost):
                raise
            except Exception as error:
                reason = str(error) if isinstance(error, InputError) else _described(error)
                is_idle = False
                tries[job] += 1
                if tries[job] < TRIES:
                    say(f"{job.name} failed, and will be tried once more: {reason}")
                    said.discard(job)
                    left.append(job)
                    continue
                say(f"{job.name} failed: {reason}")
            yield job, reason
        if left and is_idle:
            if not has_said:
                say(f"Waiting for {len(left)} runs that other processes do.")
                has_said = True
            time.sleep(poll_seconds)
        waiting = left


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
    folder = home / LEASES / name
    make_folder(folder)
    return locked(folder)


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {reason_of(error)}"
