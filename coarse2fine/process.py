"""A process of its own, and the memory of a process."""

import json
import os
import pathlib
import resource
import subprocess
import sys
from typing import Any

_STATUS = pathlib.Path("/proc/self/status")
_STATM = pathlib.Path("/proc/self/statm")
_MEMINFO = pathlib.Path("/proc/meminfo")
_CONTAINER = pathlib.Path("/sys/fs/cgroup")
_CALL = """
import importlib, json, sys
module, name, arguments = json.loads(sys.argv[1])
print(json.dumps(getattr(importlib.import_module(module), name)(**arguments)))
"""


def call_in_process(module: str, name: str, **arguments: Any) -> Any:
    """What a function returns when it is called in a new process.

    Args:
        module: full name of the function's module.
        name: of the function.
        **arguments: plain values for JSON, as is the result.

    Raises:
        RuntimeError: the process failed; the message ends with what it wrote.
    """
    call = json.dumps([module, name, arguments])
    done = subprocess.run(
        [sys.executable, "-c", _CALL, call],
        capture_output=True,
        text=True,
        check=False,
        # It finds the modules that this process finds, those beside a script too.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if done.returncode:
        raise RuntimeError(f"{module}.{name} failed in its process:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def peak_memory() -> int:
    """The most memory that this process has held at once, in bytes."""
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 2**10
    # On Linux a new process starts with its parent's number, so this is the second choice.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 2**10


def resident_memory() -> int | None:
    """The memory that this process holds now, in bytes; None where there is no /proc."""
    if not _STATM.exists():
        return None
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def available_memory() -> int:
    """The memory that processes can take more before they swap, in bytes.

    A container's limit counts as well. Where the system does not say, it is all that the machine
    has.
    """
    limit, used = _CONTAINER / "memory.max", _CONTAINER / "memory.current"
    known = []
    if limit.exists() and limit.read_text().strip() != "max":
        known.append(int(limit.read_text()) - int(used.read_text()))
    if _MEMINFO.exists():
        lines = dict(line.split(":") for line in _MEMINFO.read_text().splitlines())
        known.append(int(lines["MemAvailable"].split()[0]) * 2**10)
    if not known:
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return max(0, min(known))
