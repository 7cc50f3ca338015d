"""Measures what the package promises about time and memory; exit code 1 where a bound fails.

python launch/benchmark.py --only=step,min_pool
"""

import os
import pathlib
import sys
import tempfile

import common
from absl import flags

from coarse2fine.benchmarks import BENCHMARKS, Images, Settings
from coarse2fine.errors import check_known

_ONLY = flags.DEFINE_list("only", [], f"Benchmarks to run, of {', '.join(BENCHMARKS)}; or all.")
_PAIRS = flags.DEFINE_integer("pairs", 15, "Timings of each of two compared things.", lower_bound=1)
_DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Where TFDS prepared CIFAR-100; default $COARSE2FINE_DATA_DIR/tfds, or else random images.",
)


def main() -> None:
    """Reads the flags, measures and prints a line a measurement."""
    for name in _ONLY.value:
        check_known("benchmark", name, BENCHMARKS)
    all_hold = True
    with tempfile.TemporaryDirectory() as workdir:
        settings = Settings(
            workdir=pathlib.Path(workdir),
            launchers=pathlib.Path(__file__).parent,
            images=Images(_DATA_DIR.value or _default_data_dir()),
            pairs=_PAIRS.value,
        )
        for name in _ONLY.value or BENCHMARKS:
            for measurement in BENCHMARKS[name](settings):
                print(measurement.line(), flush=True)
                all_hold &= measurement.holds
    if not all_hold:
        sys.exit(1)


def _default_data_dir() -> str | None:
    if "COARSE2FINE_DATA_DIR" not in os.environ:
        return None
    folder = pathlib.Path(os.environ["COARSE2FINE_DATA_DIR"]) / "tfds"
    return str(folder) if folder.is_dir() else None


if __name__ == "__main__":
    common.run(main)
