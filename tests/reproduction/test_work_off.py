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
from coarse2fine.training.lock import InUse, locked

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
    assert [*work_off(JOBS, tmp_path, do, lines.append)] == [(job, None) for job in JOBS]
    assert done == [JOBS[0], JOBS[2]]
    assert lines == [f"{JOBS[0].name}: 1 of 3", f"{JOBS[2].name}: 3 of 3"]
    assert [*work_off(JOBS, tmp_path, do, lines.append)] == [(job, None) for job in JOBS]
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

    found = [*work_off(JOBS, tmp_path, do, lines.append)]
    assert found == [(JOBS[2], None), (JOBS[0], reason), (JOBS[1], None)]
    assert tried == [*JOBS, *JOBS[:2]]
    for job in JOBS[:2]:
        assert f"{job.name} failed, and will be tried once more: {reason}" in lines
    assert [line for line in lines if "failed:" in line] == [f"{JOBS[0].name} failed: {reason}"]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), Interrupted(signal.SIGTERM, "Stopped by SIGTERM.")]
)
def test_a_signal_ends_the_work(tmp_path, error):
    def do(job, folder):
        raise error

    with pytest.raises(type(error)):
        [*work_off(JOBS, tmp_path, do, print)]


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
    found = [*work_off(JOBS, tmp_path, do, say, poll_seconds=0.05)]
    thread.join()
    assert found == [(job, None) for job in (*JOBS[1:], JOBS[0])]
    assert done == JOBS[1:]
    assert lines[-1] == "Waiting for 1 runs that other processes do."


def test_a_run_that_is_trained_by_another_command_is_waited_for(tmp_path, monkeypatch):
    lines, naps, holders = [], [], [True] * 3
    monkeypatch.setattr("coarse2fine.reproduction.work.time.sleep", naps.append)

    def do(job, folder):
        if holders:
            holders.pop()
            raise InUse("Another process writes here.")
        finish(job, folder)

    found = [*work_off(JOBS[:1], tmp_path, do, lines.append, poll_seconds=5.0)]
    assert found == [(JOBS[0], None)]
    assert naps == [5.0] * 3
    assert lines == [f"{JOBS[0].name}: 1 of 1", "Waiting for 1 runs that other processes do."]


def test_waiting_is_said_once_and_looks_now_and_then(tmp_path, monkeypatch):
    lines, naps = [], []
    others = tmp_path / "leases" / JOBS[0].name
    make_folder(others)

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 3:
            held.close()
            finish(JOBS[0], folder_of(JOBS[0], tmp_path))

    monkeypatch.setattr("coarse2fine.reproduction.work.time.sleep", nap)
    with contextlib.ExitStack() as held:
        held.enter_context(locked(others))
        tried = []

        def do(job, folder):  # A failure beside it is no reason to look without a rest.
            tried.append(job)
            raise RuntimeError("out of memory")

        found = dict(work_off(JOBS[:2], tmp_path, do, lines.append, poll_seconds=5.0))
    assert found == {JOBS[0]: None, JOBS[1]: "RuntimeError: out of memory"}
    assert tried == [JOBS[1]] * 2
    assert naps == [5.0] * 3
    assert lines.count("Waiting for 1 runs that other processes do.") == 1


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

    assert [*work_off(JOBS[:1], tmp_path, do, print, poll_seconds=0.05)] == [(JOBS[0], None)]
    assert done == JOBS[:1]


def test_several_workers_share_the_jobs(tmp_path):
    jobs = [Job(Config(dataset="shapes/2x2", seed=seed), 800) for seed in range(12)]
    done = []

    def do(job, folder):
        done.append(job)
        time.sleep(0.01)
        finish(job, folder)

    def work():
        for _ in work_off(jobs, tmp_path, do, lambda line: None, poll_seconds=0.01):
            pass

    threads = [threading.Thread(target=work) for _ in range(3)]
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
