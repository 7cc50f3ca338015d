"""The files of an experiment."""

import contextlib
import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import coarse2fine
from coarse2fine.errors import InputError
from coarse2fine.experiments.write_picture import picture_bytes
from coarse2fine.files import (
    make_folder,
    read_json,
    remove_file,
    write_bytes,
    write_json,
    write_text,
)
from coarse2fine.reproduction.experiment import Done, Experiment, Shown
from coarse2fine.reproduction.job import Job, fingerprint_of
from coarse2fine.reproduction.recipe import SCALES
from coarse2fine.reproduction.work import waiting_lease
from coarse2fine.training import Config

_MADE = "made.json"


@dataclasses.dataclass(frozen=True)
class Made:
    """What was made of an experiment.

    Attributes:
        experiment: which one.
        files: its tables and pictures.
        text: its tables in Markdown; empty where it has none.
        missing: what it lacks, and why.
    """

    experiment: Experiment
    files: Sequence[pathlib.Path]
    text: str
    missing: Sequence[str]


def make(experiment: Experiment, done: Done, failures: Mapping[Job, str]) -> Made:
    """Makes an experiment's tables and pictures; those that were made of the same runs stay.

    Args:
        experiment: to make.
        done: what has been done.
        failures: why runs are missing.
    """
    home = done.home / experiment.name
    jobs = experiment.jobs(done.asked)
    failed = [
        f"{what} ({job.name}) is missing: {failures[job]}"
        for what, job in jobs.items()
        if job in failures and done.folder(job) is None
    ]
    state = _state(experiment, done, failed)
    with waiting_lease(done.home, experiment.name):
        kept = _kept(experiment, home, state)
        if kept is not None:
            return kept
        try:
            shown = experiment.show(done)
        except InputError as error:  # What it was made of may be mended, so this is not kept.
            reason = f"{experiment.name} cannot be shown: {error}"
            return Made(experiment, [], "", [*failed, reason])
        missing = [*failed, *shown.missing]
        shown = _with_notes(experiment, done, shown, missing)
        before = _files_of(home)
        make_folder(home)
        remove_file(home / _MADE)
        files = _write(home, shown)
        for path in before:
            if path not in files:
                remove_file(path)
        text = "\n\n".join(table.markdown() for table in shown.tables.values())
        # What a table lacks beside its runs may be there the next time.
        of = None if shown.missing else state
        names = [file.name for file in files]
        write_json(home / _MADE, {"of": of, "files": names, "text": text, "missing": missing})
        return Made(experiment, files, text, missing)


def _with_notes(experiment: Experiment, done: Done, shown: Shown, missing: list[str]) -> Shown:
    scale, configs = done.asked.scale, experiment.configs(done.asked)
    fingerprint = _digest([fingerprint_of(config) for config in configs])
    notes = [
        f"Scale {scale}: {SCALES[scale]}.",
        *([f"Measured with {_in_words(configs)}."] if experiment.jobs(done.asked) else []),
        f"Config fingerprint {fingerprint}.",
        f"`{_command(experiment, done)}`",
        *(f"Missing: {reason}" for reason in missing),
    ]
    tables = {
        name: dataclasses.replace(
            table, title=table.title or experiment.title, notes=[*table.notes, *notes]
        )
        for name, table in shown.tables.items()
    }
    return dataclasses.replace(shown, tables=tables)


def _in_words(configs: Iterable[Config]) -> str:
    """The networks and lengths of configs, each once."""
    networks = [f"{c.backbone} of width {c.width:g} in {c.precision}" for c in configs]
    lengths = [
        f"{c.epochs} epochs of batches of {c.batch_size}"
        if c.steps is None
        else f"{c.steps:,} updates of {c.batch_size} images"
        for c in configs
    ]
    return ", ".join(f"{each}" for each in dict.fromkeys([*networks, *lengths]))


def _kept(experiment: Experiment, home: pathlib.Path, state: str) -> Made | None:
    """What was made of the same before, if it is still there."""
    with contextlib.suppress(InputError):  # A damaged file is written again.
        found = read_json(home / _MADE, ("of", "files", "text", "missing"))
        files = [home / name for name in found["files"]]
        if found["of"] == state and all(file.is_file() for file in files):
            return Made(experiment, files, found["text"], found["missing"])
    return None


def _files_of(home: pathlib.Path) -> list[pathlib.Path]:
    """What was written before."""
    with contextlib.suppress(InputError):
        return [home / name for name in read_json(home / _MADE, ("files",))["files"]]
    return []


def _write(home: pathlib.Path, shown: Shown) -> list[pathlib.Path]:
    written = []

    def path_of(name: str) -> pathlib.Path:
        written.append(home / name.replace("/", "_"))
        return written[-1]

    for name, table in shown.tables.items():
        write_text(path_of(f"{name}.md"), table.markdown() + "\n")
        write_text(path_of(f"{name}.csv"), table.csv())
        write_text(path_of(f"{name}.tex"), table.latex())
    for name, figure in shown.pictures.items():
        write_bytes(path_of(f"{name}.png"), picture_bytes(figure))
    return written


def _state(experiment: Experiment, done: Done, failed: Sequence[str]) -> str:
    """Of all that an experiment's files are made of."""
    asked = done.asked
    parts = [coarse2fine.__version__, _command(experiment, done), *failed]
    parts += [fingerprint_of(config) for config in experiment.configs(asked)]
    for job in experiment.jobs(asked).values():
        folder = done.folder(job)
        if folder is not None:
            report = folder / ("report.json" if job.is_evaluated else "metrics.jsonl")
            parts.append(f"{job.name} {hashlib.sha256(report.read_bytes()).hexdigest()}")
    return _digest(parts)


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:12]


def _command(experiment: Experiment, done: Done) -> str:
    asked = done.asked
    seeds = "" if asked.seeds == (0,) else f" --seeds={','.join(map(str, asked.seeds))}"
    ncm = " --with_ncm" if asked.with_ncm and experiment.uses_ncm else ""
    datasets = {job.config.dataset for job in experiment.jobs(asked).values()}
    places = " --ilsvrc2010=FOLDER" if "folder" in datasets else ""
    if any(dataset.startswith("cifar") for dataset in datasets):
        places += " --data_dir=DATA"
    return (
        f"python launch/reproduce.py --experiment={experiment.name} --scale={asked.scale}{seeds}"
        f"{ncm}{places} --workdir=W"
    )
