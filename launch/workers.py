"""Runs a command in several workers on this machine, for --strategy=multi_worker.

python launch/workers.py --workers=2 -- \
    python launch/train.py --workdir=/tmp/run --strategy=multi_worker
"""

import sys

import common
from absl import flags

_WORKERS = flags.DEFINE_integer("workers", 2, "How many processes.", lower_bound=1)


def main(command: list[str]) -> None:
    """Runs the command; ends with the exit code of the first worker that failed."""
    from coarse2fine.errors import InputError
    from coarse2fine.local_workers import run_workers

    if not command:
        raise InputError("No command was given: it stands after the flags and --.")

    def show(index: int, line: str) -> None:
        print(line if index == 0 else f"worker {index}: {line}", flush=True)

    sys.exit(run_workers(command, _WORKERS.value, show))


if __name__ == "__main__":
    common.run(main, takes_arguments=True)
