"""A page of one run, or of the runs in a folder: gathered, made, and written."""

import dataclasses
import logging
import pathlib
from collections.abc import Sequence

import numpy as np

from coarse2fine.data import Source
from coarse2fine.errors import InputError
from coarse2fine.evaluation.chosen import choose_images
from coarse2fine.evaluation.class_maps import class_maps
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.evaluation.hardest_pairs import hardest_pairs
from coarse2fine.evaluation.pairs import FoundRuns, find_runs
from coarse2fine.experiments.advise import find_advice, runs_beside
from coarse2fine.experiments.evaluated import cost_of_run
from coarse2fine.files import make_folder, write_text
from coarse2fine.page import Confused, PageRun, make_page
from coarse2fine.training import load_run, load_split
from coarse2fine.training.workdir import Workdir

_logger = logging.getLogger(__name__)

_PAIRS = 6
_IMAGES_OF_PAIR = 6
_MAPPED = 4  # Images of each outcome.


def write_page(
    workdir: str | pathlib.Path,
    output: str | pathlib.Path | None = None,
    data_dir: str | None = None,
    source: Source | None = None,
) -> pathlib.Path:
    """Writes one HTML file that shows a run, or the runs in a folder side by side.

    It is made of what is there: of a run that is not finished or not evaluated too, and it says
    what is missing. Of several runs, those that cannot be read are left out, and named.

    Args:
        workdir: of a run, or a folder of workdirs.
        output: the file; default `report.html` in `workdir`.
        data_dir: of one run: of the test images, where they have moved.
        source: of one run: the test split, where it has been loaded before or was made in Python.

    Returns:
        The file's path.

    Raises:
        InputError: no run that can be read; or test images for several, which show none.
    """
    home = pathlib.Path(workdir)
    folders = _folders(home)
    if len(folders) == 1:
        page = make_page([gather(folders[0], data_dir, source)])
    elif data_dir is not None or source is not None:
        raise InputError(
            f"data_dir and source are of the test images of one run, and {home} holds "
            f"{len(folders)} runs: name one of them."
        )
    else:
        page = make_page(*_gather_all(home, folders))
    path = home / "report.html" if output is None else pathlib.Path(output)
    make_folder(path.parent)
    write_text(path, page)
    return path


def _folders(home: pathlib.Path) -> Sequence[pathlib.Path]:
    if Workdir(home).config_file.is_file():
        return [home]
    below = sorted(path.parent for path in home.glob("*/config.json"))
    if not below:
        raise InputError(f"{home} holds no run, and no folder in it does.")
    return below


def _gather_all(
    home: pathlib.Path, folders: Sequence[pathlib.Path]
) -> tuple[list[PageRun], list[str]]:
    """The runs in a folder, and why others are left out.

    Of several they are without test images: the page would grow with their number.
    """
    beside = find_runs(home, "*/report.json")
    runs, left_out = [], []
    for folder in folders:
        try:
            runs.append(gather(folder, examples=False, beside=beside))
        except InputError as error:
            left_out.append(str(error))
    if not runs:
        raise InputError(" ".join([f"No run in {home} can be read.", *left_out]))
    for reason in left_out:
        _logger.warning("A run is left out. %s", reason)
    if len(runs) == 1:
        runs = [gather(runs[0].path, beside=beside)]
    return runs, left_out


def gather(
    folder: pathlib.Path,
    data_dir: str | None = None,
    source: Source | None = None,
    examples: bool = True,
    beside: FoundRuns | None = None,
) -> PageRun:
    """What a page shows of a run.

    Args:
        folder: its workdir.
        data_dir: of the test images, where they have moved.
        source: the test split, where it has been loaded before.
        examples: whether to look at test images.
        beside: the evaluated runs beside it, where they have been loaded before.

    Raises:
        InputError: no run, or one that cannot be read.
    """
    home = Workdir(folder)
    run = PageRun(
        name=folder.resolve().name,
        path=folder,
        config=home.read_config(),
        taxonomy=home.read_taxonomy(),
        data=home.read_data(),
        metrics=home.read_metrics(),
        cost=cost_of_run(home),
    )
    notes = []
    if not run.is_finished:
        notes.append(
            f"This run is not finished: {run.step:,} of {run.config.steps:,} updates are in its "
            "metrics."
        )
    try:
        evaluated = EvaluatedRun.load(folder)
    except InputError as error:
        if run.is_finished:
            notes.append(f"Accuracies on test images are missing. {error}")
        return dataclasses.replace(run, notes=tuple(notes))
    run = dataclasses.replace(run, report=evaluated.report, decisions=evaluated.decisions)
    if not evaluated.report.get("calibration"):
        notes.append("It is not calibrated: evaluate it with --error to see when to trust it.")
    if evaluated.decisions.has_fine_head and run.config.labels != "coarse":
        try:
            found = runs_beside(folder) if beside is None else beside
            run = dataclasses.replace(run, advice=find_advice(evaluated, found))
        except InputError as error:
            notes.append(f"There is no advice on finer labels. {error}")
    if examples:
        run, missing = _with_examples(run, evaluated, data_dir, source)
        notes += missing
    return dataclasses.replace(run, notes=tuple(notes))


def _with_examples(
    run: PageRun, evaluated: EvaluatedRun, data_dir: str | None, source: Source | None
) -> tuple[PageRun, list[str]]:
    """The run with examples of its test images, and what is missing of these."""
    config = run.config if data_dir is None else run.config.replace(data_dir=data_dir)
    try:
        source = load_split(config, "test", run.taxonomy) if source is None else source
        if source.fingerprint() != evaluated.report["test_fingerprint"]:
            raise InputError("These are not the ones that the run was evaluated on.")
        run = dataclasses.replace(run, confused=_confused(evaluated, source))
    except InputError as error:
        return run, [f"No test images are shown. {error}"]
    chosen = choose_images(evaluated.decisions, run.taxonomy, _MAPPED, config.seed)
    try:
        loaded = load_run(run.path, evaluated.checkpoint)
        maps = {kind: class_maps(loaded, source, indices) for kind, indices in chosen.items()}
    except InputError as error:
        return run, [f"No class maps are shown. {error}"]
    return dataclasses.replace(run, maps=maps), []


def _confused(run: EvaluatedRun, source: Source) -> tuple[Confused, ...]:
    if not run.decisions.has_fine_head:
        return ()
    names = run.taxonomy.fine_names
    rng = np.random.default_rng(run.config.seed)
    found = []
    for pair in hardest_pairs(run.decisions, run.taxonomy, _PAIRS):
        indices = np.sort(rng.permutation(pair.images)[:_IMAGES_OF_PAIR])
        images = np.concatenate([*source.chunks(indices)])
        labels = [names[source.fine[index]] for index in indices]
        first, second = pair.classes
        shown = tuple(zip(images, labels, strict=True))
        found.append(Confused((names[first], names[second]), pair.share, shown))
    return tuple(found)
