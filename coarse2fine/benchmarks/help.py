"""How long a launcher takes to say what it does."""

import pathlib
import subprocess
import sys
import time

import numpy as np

from coarse2fine.benchmarks.measurement import Measurement, Settings


def measure(settings: Settings, repeats: int = 5) -> list[Measurement]:
    """Seconds of each launcher's `--help`.

    Args:
        settings: of all benchmarks.
        repeats: timings of each launcher.
    """
    return [_measure_launcher(path, repeats) for path in launchers(settings.launchers)]


def launchers(folder: pathlib.Path) -> list[pathlib.Path]:
    """The programs among the modules of a folder."""
    paths = sorted(folder.glob("*.py"))
    return [path for path in paths if 'if __name__ == "__main__":' in path.read_text("utf-8")]


def _measure_launcher(path: pathlib.Path, repeats: int) -> Measurement:
    seconds = [_time_help(path) for _ in range(repeats)]
    return Measurement(
        f"help/{path.stem}",
        float(np.median(seconds)),
        min(seconds),
        max(seconds),
        bound=1.0,
        unit="s",
        note=f"{path.name} --help, median of {repeats}",
        interval="min and max",
    )


def _time_help(path: pathlib.Path) -> float:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(path), "--help"], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if "--helpfull" not in done.stdout:  # absl's help ends with it, and with exit code 1.
        raise RuntimeError(f"{path} --help shows no help:\n{done.stderr[-4000:]}")
    return seconds
