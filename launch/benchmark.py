"""Measures what the package promises about time and memory; exit code 1 where a bound fails.

python launch/benchmark.py --only=step,min_pool
"""

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
    "data_dir", None, "Where TFDS prepared CIFAR-100; random images, or shapes, in place of it."
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
            images=Images(_DATA_DIR.value),
            pairs=_PAIRS.value,
        )
        for name in _ONLY.value or BENCHMARKS:
            for measurement in BENCHMARKS[name](settings):
                print(measurement.line(), flush=True)
                all_hold &= measurement.holds
    if not all_hold:
        sys.exit(1)


if __name__ == "__main__":
    common.run(main)
