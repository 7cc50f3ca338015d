"""Tables and figures of the papers, from runs that are made where they are missing."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence

import keras

import coarse2fine
from coarse2fine.errors import InputError, check_known, listed
from coarse2fine.evaluation._extra import import_extra
from coarse2fine.experiments._write_picture import picture_bytes
from coarse2fine.experiments.evaluated import evaluated
from coarse2fine.experiments.table import Table
from coarse2fine.files import make_folder, read_json, write_bytes, write_json, write_text
from coarse2fine.reproduction.cost import cost_table
from coarse2fine.reproduction.experiment import Asked, Done, Experiment, Shown
from coarse2fine.reproduction.experiments import EXPERIMENTS
from coarse2fine.reproduction.job import Job
from coarse2fine.reproduction.places import Places
from coarse2fine.reproduction.recipe import SCALES
from coarse2fine.reproduction.work import waiting_lease, work_off
from coarse2fine.training import train
from coarse2fine.training.batch_size import Say
from coarse2fine.training.run import MakeCallbacks

_MARK = "reproduction.json"
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


def find_experiments(names: Sequence[str]) -> list[Experiment]:
    """The experiments of these names; all of them for `all`.

    Raises:
        InputError: no name, or an unknown one; the message lists the known.
    """
    for name in names:
        check_known("experiment", name, ("all", *EXPERIMENTS))
    if not names:
        raise InputError(f"No experiment is named. Known: all, {', '.join(EXPERIMENTS)}.")
    return [e for name, e in EXPERIMENTS.items() if name in names or "all" in names]


def list_experiments(
    names: Sequence[str], workdir: str | pathlib.Path, asked: Asked, say: Say
) -> Table:
    """The experiments with what they cost; as `cost_table`.

    Raises:
        InputError: an unknown name, scale or seeds, or a folder of another scale.
    """
    experiments = find_experiments(names)
    home = pathlib.Path(workdir)
    _check(home, asked)
    return cost_table(experiments, asked, home, say)


def reproduce(
    names: Sequence[str],
    workdir: str | pathlib.Path,
    asked: Asked,
    places: Places | None = None,
    callbacks: MakeCallbacks = lambda name, steps: (),
    say: Say = lambda line: None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Made]:
    """Makes tables and figures of the papers in `workdir/<experiment>`.

    Runs lie in `workdir/runs`: those that are finished are not run again, one that was interrupted
    goes on, and one that several experiments need is run once. Several processes, on one machine or
    on several that share the folder, work off the same experiments. A run that fails is tried once
    more; an experiment whose runs are not all there shows what is missing.

    Args:
        names: of experiments; keys of `EXPERIMENTS`, or `all`.
        workdir: of all experiments of one scale.
        asked: how they are to be made.
        places: where their data lie.
        callbacks: as of `train`.
        say: takes a line on each run.
        on_progress: as of `tsne`.

    Returns:
        What was made, an entry an experiment.

    Raises:
        InputError: an unknown name, scale or seeds, a folder of another scale, or one that cannot
            be written.
    """
    experiments = find_experiments(names)
    home, places = pathlib.Path(workdir), places or Places()
    _check(home, asked)
    import_extra("matplotlib.figure")  # Before what takes long.
    make_folder(home)
    mark = json.dumps({"scale": asked.scale, "version": coarse2fine.__version__})
    write_bytes(home / _MARK, mark.encode(), is_shared=True)
    jobs = dict.fromkeys(job for experiment in experiments for job in experiment.jobs(asked))

    def do(job: Job, folder: pathlib.Path) -> None:
        _run(job, folder, places, callbacks)

    failures = work_off(list(jobs), home, do, say)
    done = Done(home, asked, places, on_progress)
    return [_make(experiment, done, failures) for experiment in experiments]


def check_complete(made: Sequence[Made]) -> None:
    """Raises `InputError` where something is missing, each reason once."""
    reasons = dict.fromkeys(reason for one in made for reason in one.missing)
    if reasons:
        names = [one.experiment.name for one in made if one.missing]
        raise InputError(
            f"Not complete: {', '.join(names)}.\n" + listed(reasons, between="\n", most=20)
        )


def _check(home: pathlib.Path, asked: Asked) -> None:
    check_known("scale", asked.scale, SCALES)
    if not asked.seeds or len(set(asked.seeds)) < len(asked.seeds):
        raise InputError(f"seeds are {list(asked.seeds)}, expected some, each once.")
    mark = home / _MARK
    if mark.is_file():
        found = read_json(mark, ("scale",))["scale"]
        if found != asked.scale:
            raise InputError(
                f"{home} holds experiments of scale {found}, not {asked.scale}. Use another "
                "workdir."
            )
    elif home.is_dir() and any(home.iterdir()) and not (home / "speeds.json").is_file():
        raise InputError(f"{home} holds files but no {_MARK}. Use another workdir.")


def _run(job: Job, folder: pathlib.Path, places: Places, callbacks: MakeCallbacks) -> None:
    config = places.located(job.config)
    training = places.load(config, "train")
    test = places.load(config, "test") if job.is_evaluated or config.track_test_accuracy else None
    run = train(config, folder, callbacks, training, test)
    if job.is_evaluated:
        assert test is not None, "loaded above"
        evaluated(run, test, job.views, training if job.on_training else None)
    keras.backend.clear_session()


def _make(experiment: Experiment, done: Done, failures: Mapping[Job, str]) -> Made:
    """Makes an experiment's files; those that were made of the same runs stay."""
    home = done.home / experiment.name
    jobs = experiment.jobs(done.asked)
    failed = [f"{job.name} is missing: {failures[job]}" for job in jobs if job in failures]
    state = _digest([*_state(jobs, done), *failed])
    with waiting_lease(done.home, experiment.name):
        kept = _kept(experiment, home, state)
        if kept is not None:
            return kept
        try:
            shown = experiment.show(done)
        except InputError as error:
            shown = Shown(missing=(f"{experiment.name} cannot be shown: {error}",))
        missing = [*failed, *shown.missing]
        notes = [
            f"Scale {done.asked.scale}: {SCALES[done.asked.scale]}.",
            f"Config fingerprint {_digest([job.name for job in jobs])}.",
            f"`{_command(experiment, done)}`",
            *(f"Missing: {reason}" for reason in missing),
        ]
        tables = {
            name: dataclasses.replace(
                table, title=table.title or experiment.title, notes=[*table.notes, *notes]
            )
            for name, table in shown.tables.items()
        }
        make_folder(home)
        files = _write(home, dataclasses.replace(shown, tables=tables))
        text = "\n\n".join(table.markdown() for table in tables.values())
        names = [file.name for file in files]
        made = {"of": state, "files": names, "text": text, "missing": missing}
        write_json(home / _MADE, made)  # Last: it vouches for the others.
        return Made(experiment, files, text, missing)


def _kept(experiment: Experiment, home: pathlib.Path, state: str) -> Made | None:
    """What was made of the same before, if it is still there."""
    if not (home / _MADE).is_file():
        return None
    found = read_json(home / _MADE, ("of", "files", "text", "missing"))
    files = [home / name for name in found["files"]]
    if found["of"] != state or not all(file.is_file() for file in files):
        return None
    return Made(experiment, files, found["text"], found["missing"])


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


def _state(jobs: Sequence[Job], done: Done) -> list[str]:
    """Of all that an experiment's files are made of."""
    parts = [coarse2fine.__version__, done.asked.scale, str(done.asked.seeds)]
    parts.append(str(done.asked.with_ncm))
    for job in jobs:
        folder = done.folder(job)
        if folder is None:
            parts.append(f"{job.name} missing")
            continue
        report = folder / ("report.json" if job.is_evaluated else "metrics.jsonl")
        parts.append(f"{job.name} {hashlib.sha256(report.read_bytes()).hexdigest()}")
    return parts


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:12]


def _command(experiment: Experiment, done: Done) -> str:
    asked = done.asked
    seeds = "" if asked.seeds == (0,) else f" --seeds={','.join(map(str, asked.seeds))}"
    ncm = " --with_ncm" if asked.with_ncm else ""
    return (
        f"python launch/reproduce.py --experiment={experiment.name} --scale={asked.scale}{seeds}"
        f"{ncm} --workdir=W"
    )
