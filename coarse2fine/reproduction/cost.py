"""What experiments cost: images, and hours at the speed of this machine."""

import gc
import json
import pathlib
import platform
import time
from collections.abc import Collection, Sequence

import keras
import tensorflow as tf

from coarse2fine.experiments.setting import shown
from coarse2fine.experiments.table import Table
from coarse2fine.files import make_folder, read_json, write_bytes
from coarse2fine.reproduction.experiment import Asked, Experiment
from coarse2fine.reproduction.job import Job
from coarse2fine.reproduction.shape_of_data import image_shape_of, taxonomy_of
from coarse2fine.reproduction.work import folder_of, waiting_lease
from coarse2fine.training.batch_size import Say
from coarse2fine.training.trial import Network, make_trial

SPEEDS = "speeds.json"
_BATCH = 16
_STEPS = 8  # Updates that are timed.
_SECONDS = 1.0  # Where they take less, larger batches are tried, and then more updates.


def cost_table(
    experiments: Collection[Experiment], asked: Asked, home: pathlib.Path, say: Say
) -> Table:
    """The experiments with what they cost, and what of it is left to do in a folder.

    Hours are those of updates, at a speed that is measured on made images with small batches, once
    for each network on each machine; `home/speeds.json` keeps it. Reading files, validation and
    evaluation come on top.

    Args:
        experiments: to list.
        asked: how they would be made.
        home: the experiments' folder.
        say: takes a line on each network that is measured.
    """
    jobs = {experiment.name: [*experiment.jobs(asked).values()] for experiment in experiments}
    speeds = _speeds([job for of_one in jobs.values() for job in of_one], home, say)
    rows = []
    for experiment in experiments:
        of_one = jobs[experiment.name]
        left = [job for job in of_one if not job.is_finished(folder_of(job, home))]
        rows.append(
            {
                "experiment": experiment.name,
                "shows": experiment.title,
                "runs": str(len(of_one)),
                "images": f"{sum(job.images_seen for job in of_one):,}",
                "hours": _hours(of_one, speeds),
                "runs left": str(len(left)),
                "hours left": _hours(left, speeds),
            }
        )
    every = [*dict.fromkeys(job for of_one in jobs.values() for job in of_one)]
    notes = [
        f"Runs are shared: together {len(every)}, with {sum(job.images_seen for job in every):,} "
        f"images in {_hours(every, speeds)} hours.",
        "Hours are those of updates; reading images, validation and evaluation come on top.",
    ]
    return Table(rows, notes=notes)


def _hours(jobs: Sequence[Job], speeds: dict[str, float]) -> str:
    seconds = sum(job.images_seen / speeds[_network_name(job)] for job in jobs)
    hours = seconds / 3600
    return shown(hours, ".2f" if hours < 1 else ".1f" if hours < 100 else ",.0f")


def _network_name(job: Job) -> str:
    """Equal for jobs whose updates take about as long an image: heads take little."""
    config = job.config
    size = image_shape_of(config)[0]
    return f"{config.backbone}, width {config.width:g}, {config.precision}, {size} pixels"


def _speeds(jobs: Sequence[Job], home: pathlib.Path, say: Say) -> dict[str, float]:
    """Images a second of each network on this machine; `home` may be shared by several."""
    machine = _machine()
    speeds = _read_speeds(home).get(machine, {})
    networks = {_network_name(job): job for job in jobs}
    missing = {name: job for name, job in networks.items() if name not in speeds}
    for number, (name, job) in enumerate(missing.items(), start=1):
        say(f"Measuring a network, {number} of {len(missing)}: {name}")
        speeds[name] = _measure(job)
        make_folder(home)
        with waiting_lease(home, "speeds"):  # Other machines have written theirs meanwhile.
            kept = {**_read_speeds(home), machine: speeds}
            write_bytes(home / SPEEDS, json.dumps(kept, indent=1).encode())
    return speeds


def _read_speeds(home: pathlib.Path) -> dict[str, dict[str, float]]:
    file = home / SPEEDS
    return read_json(file, ()) if file.is_file() else {}


def _machine() -> str:
    gpus = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return ", ".join([platform.node(), *(str(gpu.get("device_name")) for gpu in gpus)])


def _measure(job: Job) -> float:
    """Images a second, of updates alone: what comes before the first one is taken out."""
    config = job.config
    trial = make_trial(Network(config, taxonomy_of(config), image_shape_of(config)))

    def seconds(steps: int) -> float:
        began = time.perf_counter()
        trial(batch, steps)
        return time.perf_counter() - began

    batch, steps = min(_BATCH, config.images_per_step), _STEPS
    seconds(1)  # Traces.
    while (taken := seconds(1 + steps) - seconds(1)) < _SECONDS:
        if 2 * batch > config.images_per_step:
            steps *= 2
        else:
            batch *= 2
            seconds(1)
    keras.backend.clear_session()
    gc.collect()
    return steps * batch / taken
