"""Tables and figures of the papers, from runs that are made where they are missing."""

import contextlib
import json
import pathlib
from collections.abc import Callable, Sequence

import keras

import coarse2fine
from coarse2fine.errors import InputError, check_known, listed
from coarse2fine.experiments.evaluated import evaluated
from coarse2fine.experiments.table import Table
from coarse2fine.files import UNFINISHED, make_folder, read_json, write_bytes
from coarse2fine.import_extra import import_extra
from coarse2fine.reproduction.cost import SPEEDS, cost_table
from coarse2fine.reproduction.experiment import Asked, Done, Experiment
from coarse2fine.reproduction.experiments import EXPERIMENTS
from coarse2fine.reproduction.job import Job
from coarse2fine.reproduction.make import Made, make
from coarse2fine.reproduction.places import Places
from coarse2fine.reproduction.recipe import SCALES
from coarse2fine.reproduction.work import LEASES, waiting_lease, work_off
from coarse2fine.training import train
from coarse2fine.training.batch_size import Say
from coarse2fine.training.run import MakeCallbacks

_MARK = "reproduction.json"


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
        InputError: an unknown name, scale or seeds, or a folder of another scale or version.
    """
    experiments = find_experiments(names)
    home = pathlib.Path(workdir)
    _check_asked(experiments, asked)
    _check_folder(home, asked)
    return cost_table(experiments, asked, home, say)


def reproduce(
    names: Sequence[str],
    workdir: str | pathlib.Path,
    asked: Asked,
    places: Places | None = None,
    callbacks: MakeCallbacks = lambda name, steps: (),
    say: Say = lambda line: None,
    on_progress: Callable[[int, int], None] | None = None,
    run: bool = True,
) -> list[Made]:
    """Makes tables and figures of the papers in `workdir/<experiment>`.

    Runs lie in `workdir/runs`: those that are finished are not run again, one that was interrupted
    goes on, and one that several experiments need is run once. Several processes, on one machine or
    on several that share the folder, work off the same experiments. A run that fails is tried once
    more. An experiment is made as soon as its runs are there; one whose runs are not shows what is
    missing.

    Args:
        names: of experiments; keys of `EXPERIMENTS`, or `all`.
        workdir: of all experiments of one scale.
        asked: how they are to be made.
        places: where their data lie.
        callbacks: as of `train`.
        say: takes a line on each run.
        on_progress: as of `tsne`.
        run: whether to run what is missing; else it is shown what there is.

    Returns:
        What was made, an entry an experiment.

    Raises:
        InputError: an unknown name, scale or seeds, a folder of another scale or version, or one
            that cannot be written.
    """
    experiments = find_experiments(names)
    home, places = pathlib.Path(workdir), places or Places()
    _check_asked(experiments, asked)
    if asked.scale == "smoke" and places != Places():
        raise InputError("Places of data are given, and scale smoke has built-in images alone.")
    import_extra("matplotlib.figure")  # Before what takes long.
    if any(experiment.uses_tsne for experiment in experiments):
        import_extra("openTSNE")
    _claim(home, asked)
    done = Done(home, asked, places, on_progress)
    open_jobs = {e.name: {*e.jobs(asked).values()} for e in experiments}
    every = list(dict.fromkeys(job for e in experiments for job in e.jobs(asked).values()))
    failures: dict[Job, str] = {}
    made: dict[str, Made] = {}

    def do(job: Job, folder: pathlib.Path) -> None:
        _run(job, folder, places, callbacks)

    def make_what_is_complete() -> None:
        for experiment in experiments:
            if experiment.name not in made and not open_jobs[experiment.name]:
                made[experiment.name] = make(experiment, done, failures)

    make_what_is_complete()
    for job, failure in work_off(every, home, do, say) if run else _as_they_are(every, done):
        if failure is not None:
            failures[job] = failure
        for jobs in open_jobs.values():
            jobs.discard(job)
        make_what_is_complete()
    return [made[experiment.name] for experiment in experiments]


def check_complete(made: Sequence[Made]) -> None:
    """Raises `InputError` where something is missing, each reason once."""
    reasons = dict.fromkeys(reason for one in made for reason in one.missing)
    if reasons:
        names = [one.experiment.name for one in made if one.missing]
        raise InputError(
            f"Not complete: {', '.join(names)}.\n" + listed(reasons, between="\n", most=20)
        )


def _as_they_are(jobs: Sequence[Job], done: Done) -> list[tuple[Job, str | None]]:
    return [(job, None if done.folder(job) is not None else "It was not run.") for job in jobs]


def _check_asked(experiments: Sequence[Experiment], asked: Asked) -> None:
    check_known("scale", asked.scale, SCALES)
    if not asked.seeds or len(set(asked.seeds)) < len(asked.seeds):
        raise InputError(f"seeds are {list(asked.seeds)}, expected some, each once.")
    if asked.with_ncm and not any(experiment.uses_ncm for experiment in experiments):
        raise InputError(
            "with_ncm is given, and is used with comparisons alone: lei2017_table1 to "
            "lei2017_table5."
        )


def _check_folder(home: pathlib.Path, asked: Asked) -> None:
    mark = home / _MARK
    if mark.is_file():
        found = read_json(mark, ("scale", "version"))
        for name, expected in (("scale", asked.scale), ("version", coarse2fine.__version__)):
            if found[name] != expected:
                raise InputError(
                    f"{home} holds experiments of {name} {found[name]}, not {expected}. Use "
                    "another workdir."
                )
        return
    names = {path.name for path in home.iterdir()} if home.is_dir() else set()
    others = {name for name in names if not name.endswith(UNFINISHED)} - {LEASES, SPEEDS}
    if others:
        raise InputError(f"{home} holds files but no {_MARK}. Use another workdir.")


def _claim(home: pathlib.Path, asked: Asked) -> None:
    """Makes the folder one of these experiments, or checks that it is."""
    _check_folder(home, asked)
    make_folder(home)
    with waiting_lease(home, "claim"):
        _check_folder(home, asked)
        if not (home / _MARK).is_file():
            mark = json.dumps({"scale": asked.scale, "version": coarse2fine.__version__})
            write_bytes(home / _MARK, mark.encode())


def _run(job: Job, folder: pathlib.Path, places: Places, callbacks: MakeCallbacks) -> None:
    config = places.located(job.config)
    training = places.load(config, "train")
    test = places.load(config, "test") if job.is_evaluated or config.track_test_accuracy else None
    with contextlib.ExitStack() as stack:
        stack.callback(keras.backend.clear_session)
        run = train(config, folder, callbacks, training, test)
        if job.is_evaluated:
            assert test is not None, "loaded above"
            evaluated(run, test, job.views, training if job.on_training else None)
