"""How long it takes to show what was measured: a run's page, and the papers' tables."""

import pathlib
import subprocess
import sys
import time

from coarse2fine.benchmarks.measurement import Measurement, Settings, exact
from coarse2fine.evaluation import evaluate
from coarse2fine.training import Config, train


def measure(
    settings: Settings,
    backbone: str = "nin",
    width: float = 0.25,
    steps: int = 50,
    experiments: str = "chen2018_table2,chen2018_figure5",
) -> list[Measurement]:
    """Seconds and size of a run's page; seconds of experiments with nothing left to do.

    Args:
        settings: of all benchmarks.
        backbone: of the run.
        width: of the network.
        steps: its updates.
        experiments: that are made first, at smoke scale.
    """
    home = settings.workdir / "showing"
    data_dir = settings.images.data_dir
    config = Config(
        dataset="shapes" if data_dir is None else "cifar100",
        data_dir=data_dir,
        backbone=backbone,
        width=width,
        steps=steps,
        batch_size=64,
        schedule="cosine",
        fine_fraction=0.5,
        coarse_fraction=0.5,
        preprocess="standardize",
    )
    run = train(config, home / "run")
    evaluate(run, error=0.1)
    seconds = _seconds(settings.launchers / "report.py", f"--workdir={home / 'run'}")
    size = (home / "run" / "report.html").stat().st_size / 1e6
    note = f"page of a run of {backbone} on {config.dataset}, evaluated and calibrated"
    reproduce = (
        settings.launchers / "reproduce.py",
        f"--workdir={home / 'smoke'}",
        f"--experiment={experiments}",
    )
    _seconds(*reproduce)
    made = f"{experiments}, which are made"
    return [
        exact("showing/page", seconds, 60.0, "s", note),
        exact("showing/page_size", size, 8.0, "MB", note),
        exact("showing/nothing_left", _seconds(*reproduce), 10.0, "s", made),
    ]


def _seconds(launcher: pathlib.Path, *flags: str) -> float:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(launcher), *flags], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{launcher} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return time.perf_counter() - start
