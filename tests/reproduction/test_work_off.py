"""Jobs worked off: once each, by one process or several, again where they fail."""

import contextlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from coarse2fine.errors import InputError, Interrupted
from coarse2fine.files import make_folder, write_json
from coarse2fine.reproduction.job import Job
from coarse2fine.reproduction.work import folder_of, waiting_lease, work_off
from coarse2fine.training import Config
from coarse2fine.training.lock import locked

JOBS = [Job(Config(dataset="shapes/2x2", seed=seed), 800, is_evaluated=False) for seed in range(3)]


@pytest.fixture(autouse=True)
def _finished_by_a_file(monkeypatch):
    monkeypatch.setattr(Job, "is_finished", lambda self, folder: (folder / "done").exists())


def finish(job, folder):
    make_folder(folder)
    write_json(folder / "done", {})


def test_jobs_are_done_in_their_order_and_finished_ones_not_again(tmp_path):
    done, lines = [], []

    def do(job, folder):
        assert folder == tmp_path / "runs" / job.name
        done.append(job)
        finish(job, folder)

    finish(JOBS[1], folder_of(JOBS[1], tmp_path))
    assert work_off(JOBS, tmp_path, do, lines.append) == {}
    assert done == [JOBS[0], JOBS[2]]
    assert lines == [f"{JOBS[0].name}: 1 of 2", f"{JOBS[2].name}: 2 of 2"]
    assert work_off(JOBS, tmp_path, do, lines.append) == {}
    assert len(done) == len(lines) == 2


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InputError("It has no labels."), "It has no labels."),
        (RuntimeError("out of\n memory"), "RuntimeError: out of memory"),
    ],
)
def test_what_fails_is_tried_once_more_after_the_others(tmp_path, error, reason):
    tried, lines = [], []

    def do(job, folder):
        tried.append(job)
        if job == JOBS[0] or (job == JOBS[1] and tried.count(job) == 1):
            raise error
        finish(job, folder)

    assert work_off(JOBS, tmp_path, do, lines.append) == {JOBS[0]: reason}
    assert tried == [*JOBS, *JOBS[:2]]
    assert lines.count(f"{JOBS[0].name} failed: {reason}") == 2
    assert lines.count(f"{JOBS[1].name} failed: {reason}") == 1


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), Interrupted(signal.SIGTERM, "Stopped by SIGTERM.")]
)
def test_a_signal_ends_the_work(tmp_path, error):
    def do(job, folder):
        raise error

    with pytest.raises(type(error)):
        work_off(JOBS, tmp_path, do, print)


def test_what_another_process_does_is_waited_for_and_not_done_again(tmp_path):
    done, lines = [], []
    others = tmp_path / "leases" / JOBS[0].name
    make_folder(others)
    has_lease, may_finish = threading.Event(), threading.Event()

    def other():
        with locked(others):
            has_lease.set()
            assert may_finish.wait(20)
            finish(JOBS[0], folder_of(JOBS[0], tmp_path))

    def say(line):
        lines.append(line)
        if line.startswith("Waiting"):
            may_finish.set()

    def do(job, folder):
        done.append(job)
        finish(job, folder)

    thread = threading.Thread(target=other)
    thread.start()
    assert has_lease.wait(20)
    assert work_off(JOBS, tmp_path, do, say, poll_seconds=0.05) == {}
    thread.join()
    assert done == JOBS[1:]
    assert lines[-1] == "Waiting for 1 runs that other processes do."


_HOLD = """
import pathlib, sys, time
from coarse2fine.training.lock import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_done_by_the_next(tmp_path):
    lease = tmp_path / "leases" / JOBS[0].name
    make_folder(lease)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(lease)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        process.kill()
    done = []

    def do(job, folder):
        done.append(job)
        finish(job, folder)

    assert work_off(JOBS[:1], tmp_path, do, print, poll_seconds=0.05) == {}
    assert done == JOBS[:1]


def test_several_workers_share_the_jobs(tmp_path):
    jobs = [Job(Config(dataset="shapes/2x2", seed=seed), 800) for seed in range(12)]
    done = []

    def do(job, folder):
        done.append(job)
        time.sleep(0.01)
        finish(job, folder)

    threads = [
        threading.Thread(
            target=work_off,
            args=(jobs, tmp_path, do, lambda line: None),
            kwargs={"poll_seconds": 0.01},
        )
        for _ in range(3)
    ]
    with contextlib.ExitStack() as stack:
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
    assert sorted(job.config.seed for job in done) == list(range(12))


def test_a_lease_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("coarse2fine.reproduction.work._POLL_SECONDS", 0.01)
    has_lease, order = threading.Event(), []

    def other():
        with waiting_lease(tmp_path, "table"):
            has_lease.set()
            time.sleep(0.1)
            order.append("other")

    thread = threading.Thread(target=other)
    thread.start()
    assert has_lease.wait(20)
    with waiting_lease(tmp_path, "table"):
        order.append("this")
    thread.join()
    assert order == ["other", "this"]
