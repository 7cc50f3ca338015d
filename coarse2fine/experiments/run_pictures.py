"""The pictures of one run: what it computed, drawn, and written below its folder."""

import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from coarse2fine.data import Source
from coarse2fine.errors import InputError
from coarse2fine.evaluation import figures
from coarse2fine.evaluation.advice import Advice
from coarse2fine.evaluation.chosen import OUTCOMES, choose_images, choose_images_of_two
from coarse2fine.evaluation.class_maps import class_maps
from coarse2fine.evaluation.embedding import features, tsne
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.evaluation.guesses import best_guesses
from coarse2fine.evaluation.projector import write_projector
from coarse2fine.experiments.write_picture import write_picture
from coarse2fine.import_extra import import_extra
from coarse2fine.training import Run, load_run, load_split

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_IMAGES = 10_000
"""Of an embedding, unless another number is asked for."""

MAPPED_IMAGES = 12
"""Whose class maps are drawn, likewise."""

GUESSED_IMAGES = 16
"""On which two runs are compared, likewise."""


def draw_run(workdir: str | pathlib.Path) -> list[pathlib.Path]:
    """Draws an evaluated run's confusion matrix below `workdir/figures`.

    It is that of the fine classes, or of the coarse ones where the run has no fine head.

    Raises:
        InputError: no evaluated run.
    """
    return [write_picture(confusion_of(EvaluatedRun.load(workdir)), workdir, "confusion")]


def confusion_of(run: EvaluatedRun) -> "Figure":
    """Draws a run's confusion matrix, as `draw_run` does."""
    confusion, taxonomy = run.decisions.confusion(run.taxonomy)
    title = f"{run.config.dataset}: {confusion.sum():,} test images"
    return figures.confusion_figure(confusion, taxonomy, title)


def draw_embedding(
    workdir: str | pathlib.Path,
    num_images: int = MOST_IMAGES,
    data_dir: str | None = None,
    source: Source | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[pathlib.Path]:
    """Draws a run's features by t-SNE, and writes them for TensorBoard's projector.

    Args:
        workdir: of a run.
        num_images: test images at most; drawn by the run's seed where there are more.
        data_dir: of the test set, where it has moved.
        source: the test split, where it has been loaded before.
        on_progress: as of `tsne`.

    Raises:
        InputError: as `features`, `write_projector` and `tsne`, before anything takes long.
    """
    run = load_run(workdir)
    config = run.config if data_dir is None else run.config.replace(data_dir=data_dir)
    source = load_split(config, "test", run.taxonomy) if source is None else source
    indices, found = _some_features(run, source, num_images)
    folder = run.workdir.events / "projector"  # It may refuse, before t-SNE takes long.
    fine, coarse = source.fine[indices], source.coarse[indices]
    write_projector(folder, found, source.chunks(indices), run.taxonomy, fine, coarse)
    figure = _embedding_figure(run, found, coarse, on_progress)
    return [write_picture(figure, workdir, "embedding"), folder]


def embedding_of(
    run: Run,
    source: Source,
    num_images: int = MOST_IMAGES,
    on_progress: Callable[[int, int], None] | None = None,
) -> "Figure":
    """Draws a run's features by t-SNE, as `draw_embedding` does.

    Args:
        run: with its model.
        source: the test split.
        num_images: as of `draw_embedding`.
        on_progress: likewise.

    Raises:
        InputError: as `features` and `tsne`.
    """
    indices, found = _some_features(run, source, num_images)
    return _embedding_figure(run, found, source.coarse[indices], on_progress)


def _some_features(run: Run, source: Source, num_images: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of images that the run's seed draws, and their features.

    What would be missed afterwards is refused first, since this takes long.
    """
    import_extra("matplotlib.figure")
    import_extra("openTSNE")
    order = np.random.default_rng(run.config.seed).permutation(len(source))
    indices = np.sort(order[:num_images])
    return indices, features(run, source, indices, run.config.images_per_step)


def _embedding_figure(
    run: Run,
    found: np.ndarray,
    coarse: np.ndarray,
    on_progress: Callable[[int, int], None] | None,
) -> "Figure":
    config = run.config
    points = tsne(found, config.seed, on_progress)
    title = f"{config.taxonomy or config.dataset}, trained with labels={config.labels}"
    return figures.embedding_figure(points, coarse, run.taxonomy.coarse_names, title)


def draw_class_maps(
    workdir: str | pathlib.Path,
    num_images: int = MAPPED_IMAGES,
    data_dir: str | None = None,
    source: Source | None = None,
) -> list[pathlib.Path]:
    """Draws, over test images of an evaluated run, where it saw its classes.

    As many of each outcome, as far as there are so many: named rightly, named as a sibling, named
    as a child of another parent; of a run without a fine head named rightly, and wrongly. They are
    drawn by the run's seed. Maps are of one view of an image, in however many the run was
    evaluated.

    Args:
        workdir: of an evaluated run.
        num_images: test images at most.
        data_dir: of the test set, where it has moved.
        source: the test split, where it has been loaded before.

    Raises:
        InputError: no evaluated run, or other test images than it was evaluated on.
    """
    evaluated = EvaluatedRun.load(workdir)
    source = _test_source(evaluated, data_dir, source)
    run, config = load_run(workdir, evaluated.checkpoint), evaluated.config
    chosen = choose_images(
        evaluated.decisions, run.taxonomy, num_images, config.seed, most=num_images
    )
    views = evaluated.report["views"]
    note = "" if views == 1 else f" in {views} views, maps of one"
    drawn = {
        kind: figures.class_maps_figure(
            class_maps(run, source, indices), f"{config.dataset}: {OUTCOMES[kind]}{note}"
        )
        for kind, indices in chosen.items()
    }
    return _write_by_kind(drawn, workdir, "class_maps")


def draw_guesses(
    workdir: str | pathlib.Path,
    other: str | pathlib.Path,
    num_images: int = GUESSED_IMAGES,
    data_dir: str | None = None,
    source: Source | None = None,
) -> list[pathlib.Path]:
    """Draws what an evaluated run and another one take the same test images for.

    As many of each outcome, as far as there are so many: both right, only the first right,
    only the second right, both fooled by another parent; drawn by the first run's seed.

    Args:
        workdir: of an evaluated run, below which it is drawn.
        other: of another one on the same classes and test images.
        num_images: test images at most.
        data_dir: of the test set, where it has moved.
        source: the test split, where it has been loaded before.

    Raises:
        InputError: a run that is not evaluated, has no fine head, or was evaluated on other test
            images, or in other views.
    """
    runs = (EvaluatedRun.load(workdir), EvaluatedRun.load(other))
    drawn = guesses_of(*runs, num_images, data_dir, source)
    return _write_by_kind(drawn, workdir, "guesses")


def guesses_of(
    first: EvaluatedRun,
    second: EvaluatedRun,
    num_images: int = GUESSED_IMAGES,
    data_dir: str | None = None,
    source: Source | None = None,
) -> dict[str, "Figure"]:
    """Draws what two runs take the same test images for; a figure for each kind of outcome.

    Args and errors as of `draw_guesses`.
    """
    runs = (first, second)
    for run in runs:
        first.taxonomy.check_same(run.taxonomy.fingerprint, f"The run in {run.path}")
        if not run.decisions.has_fine_head:
            raise InputError(f"The run in {run.path} names no fine classes. Choose another one.")
        if run.report["views"] != first.report["views"]:
            raise InputError(
                f"The runs in {first.path} and {run.path} were evaluated in "
                f"{first.report['views']} and {run.report['views']} views. Evaluate both in as "
                "many."
            )
        source = _test_source(run, data_dir, source)
    assert source is not None
    chosen = choose_images_of_two(
        first.decisions,
        second.decisions,
        first.taxonomy,
        num_images,
        first.config.seed,
        most=num_images,
    )
    names = [run.name for run in runs]
    if names[0] == names[1]:
        names = [str(run.path) for run in runs]
    loaded = {
        name: load_run(run.path, run.checkpoint) for name, run in zip(names, runs, strict=True)
    }
    return {
        kind: figures.guesses_figure(
            best_guesses(loaded, source, indices, first.report["views"]),
            f"{first.config.dataset}: {kind}",
        )
        for kind, indices in chosen.items()
    }


def _test_source(run: EvaluatedRun, data_dir: str | None, source: Source | None) -> Source:
    """The test images that a run was evaluated on."""
    config = run.config if data_dir is None else run.config.replace(data_dir=data_dir)
    source = load_split(config, "test", run.taxonomy) if source is None else source
    if source.fingerprint() != run.report["test_fingerprint"]:
        raise InputError(
            f"The run in {run.path} was evaluated on other test images than these. Run "
            f"launch/evaluate.py --workdir={run.path} first."
        )
    return source


def _write_by_kind(
    drawn: dict[str, "Figure"], workdir: str | pathlib.Path, what: str
) -> list[pathlib.Path]:
    return [
        write_picture(figure, workdir, f"{what}_{kind.replace(' ', '_')}")
        for kind, figure in drawn.items()
    ]


def draw_advice(advice: Advice, workdir: str | pathlib.Path) -> pathlib.Path:
    """Draws advice as `workdir/figures/advice.png`, and returns that path."""
    figure = figures.advice_figure(advice, "What finer labels are likely to bring")
    return write_picture(figure, workdir, "advice")
