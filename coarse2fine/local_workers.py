"""Several workers on one machine."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import IO, Any

_PATIENCE = 60.0  # Seconds that the others get to end by themselves after one has failed.
_POLL = 0.1


def run_workers(
    command: Sequence[str],
    count: int,
    show: Callable[[int, str], None],
    cores: Sequence[int] | None = None,
) -> int:
    """Runs a command in so many processes, each with the `TF_CONFIG` of one worker of all.

    SIGTERM and Ctrl-C go to all of them. Once one has failed, the others end by themselves, or are
    killed after a minute.

    Args:
        command: the same for all.
        count: how many workers.
        show: takes a worker's index and a line that it prints.
        cores: the processor core of each worker; None for all of them.

    Returns:
        The exit code of the worker that failed first, as a shell reports it; 0 where none did.
    """
    addresses = _free_addresses(count)
    workers = [
        _start(command, addresses, index, None if cores is None else cores[index])
        for index in range(count)
    ]
    readers = [
        threading.Thread(target=_read, args=(worker.stdout, index, show), daemon=True)
        for index, worker in enumerate(workers)
        if worker.stdout
    ]
    for reader in readers:
        reader.start()

    def forward(number: int, frame: FrameType | None) -> None:
        for worker in workers:
            worker.send_signal(number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        return _wait(workers)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
        for reader in readers:
            reader.join()
        for number, handler in before.items():
            signal.signal(number, handler)


def _free_addresses(count: int) -> list[str]:
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    try:
        return [f"localhost:{one.getsockname()[1]}" for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _start(
    command: Sequence[str], addresses: list[str], index: int, core: int | None
) -> subprocess.Popen[str]:
    task = {"type": "worker", "index": index}
    tf_config = json.dumps({"cluster": {"worker": addresses}, "task": task})
    worker = subprocess.Popen(
        command,
        env={**os.environ, "TF_CONFIG": tf_config, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,  # So that a terminal's Ctrl-C comes from here alone, once.
    )
    if core is not None:
        os.sched_setaffinity(worker.pid, {core})
    return worker


def _read(lines: IO[str], index: int, show: Callable[[int, str], None]) -> None:
    with lines:
        for line in lines:
            show(index, line.rstrip("\n"))


def _wait(workers: Sequence[subprocess.Popen[Any]]) -> int:
    """The first exit code that is not 0, once all have ended."""
    failed, since = 0, 0.0
    while True:
        codes = [worker.poll() for worker in workers]
        if not failed and any(codes):
            failed = next(code for code in codes if code)
            since = time.monotonic()
        if None not in codes:
            return failed if failed >= 0 else 128 - failed
        if failed and time.monotonic() - since > _PATIENCE:
            for worker in workers:
                worker.kill()
        time.sleep(_POLL)
