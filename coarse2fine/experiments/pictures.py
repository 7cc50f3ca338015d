"""The pictures of runs: what they computed, drawn, and written below their folder."""

import io
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from coarse2fine.data import Source
from coarse2fine.errors import InputError
from coarse2fine.evaluation import figures
from coarse2fine.evaluation.advice import Advice
from coarse2fine.evaluation.embedding import features, tsne
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.evaluation.pairs import Pair, find_pairs, find_runs
from coarse2fine.evaluation.projector import write_projector
from coarse2fine.evaluation.rank_correlation import RankCorrelation, rank_correlation
from coarse2fine.experiments.advise import published_evidence
from coarse2fine.experiments.chen2018 import find_published
from coarse2fine.files import make_folder, write_bytes
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import load_run, load_split
from coarse2fine.training.workdir import Workdir

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_IMAGES = 10_000


def draw(
    workdir: str | pathlib.Path,
    embedding: bool = False,
    num_images: int | None = None,
    data_dir: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[pathlib.Path]:
    """Draws a run, or the pairs of runs in a folder; returns what was written.

    Args:
        workdir: of a run, or a folder of runs.
        embedding: of a run, also as `draw_embedding` does, which takes the other arguments.
        num_images: as of `draw_embedding`.
        data_dir: likewise.
        on_progress: likewise.

    Raises:
        InputError: nothing to draw, or arguments that do not go together.
    """
    is_run = Workdir(pathlib.Path(workdir)).config_file.is_file()
    if embedding and not is_run:
        raise InputError(f"embedding is of one run, and {workdir} holds none itself: name a run.")
    if not embedding and (num_images is not None or data_dir is not None):
        raise InputError("images and data_dir are used with embedding alone.")
    if not is_run:
        return draw_pairs(workdir)
    written = draw_run(workdir)
    if embedding:
        written += draw_embedding(
            workdir, num_images or _MOST_IMAGES, data_dir, on_progress=on_progress
        )
    return written


def draw_advice(advice: Advice, workdir: str | pathlib.Path) -> pathlib.Path:
    """Draws advice as `workdir/figures/advice.png`, and returns that path."""
    figure = figures.advice_figure(advice, "What finer labels are likely to bring")
    return _write(figure, workdir, "advice")


def draw_run(workdir: str | pathlib.Path) -> list[pathlib.Path]:
    """Draws an evaluated run's confusion matrix below `workdir/figures`.

    It is that of the fine classes, or of the coarse ones where the run has no fine head.

    Raises:
        InputError: no evaluated run.
    """
    run = EvaluatedRun.load(workdir)
    taxonomy = run.taxonomy
    if run.decisions.has_fine_head:
        confusion = run.decisions.fine_confusion(taxonomy.num_fine)
    else:
        confusion = run.decisions.coarse_confusion(taxonomy.num_coarse)
        names = taxonomy.coarse_names
        taxonomy = Taxonomy(names, names, tuple(range(taxonomy.num_coarse)))
    title = f"{run.config.dataset}: {confusion.sum():,} test images"
    return [_write(figures.confusion_figure(confusion, taxonomy, title), workdir, "confusion")]


def draw_embedding(
    workdir: str | pathlib.Path,
    num_images: int = _MOST_IMAGES,
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
    """
    run = load_run(workdir)
    config = run.config if data_dir is None else run.config.replace(data_dir=data_dir)
    source = load_split(config, "test", run.taxonomy) if source is None else source
    order = np.random.default_rng(config.seed).permutation(len(source))
    indices = np.sort(order[:num_images])
    found = features(run, source, indices, config.images_per_step)
    coarse = source.coarse[indices]
    title = f"{config.dataset}, trained with labels={config.labels}"
    figure = figures.embedding_figure(
        tsne(found, config.seed, on_progress), coarse, run.taxonomy.coarse_names, title
    )
    folder = run.workdir.events / "projector"
    write_projector(
        folder, found, source.chunks(indices), run.taxonomy, source.fine[indices], coarse
    )
    return [_write(figure, workdir, "embedding"), folder]


def draw_pairs(folder: str | pathlib.Path) -> list[pathlib.Path]:
    """Draws what the pairs of runs below a folder show, below `folder/figures`.

    For each pair whose accuracies were tracked, its curves; for pairs that differ in
    `data_fraction` alone, accuracy against it; and gain against ratio where that is defined.

    Raises:
        InputError: no pair of evaluated runs; the message says why runs were left out.
    """
    found = find_runs(folder)
    pairs = find_pairs(found.runs)
    if not pairs:
        raise InputError(
            " ".join(
                [
                    f"There is no pair of evaluated runs below {folder}: one with --labels=fine "
                    "and one with --labels=coarse, alike in all else.",
                    *found.left_out,
                ]
            )
        )
    written = []
    for pair in pairs:
        if curves := _curves(pair):
            figure = figures.accuracy_curves(curves, _title(pair))
            written.append(_write(figure, folder, f"curves_{_file_name(pair)}"))
    for group in _by_all_but_fraction(pairs):
        if len(group) > 1:
            figure = _fraction_figure(group)
            written.append(_write(figure, folder, f"fractions_{_file_name(group[-1])}"))
    points = [
        figures.GainPoint(pair.name, pair.ratio, 100 * pair.gain)
        for pair in pairs
        if pair.ratio is not None
    ]
    if points:
        written.append(_write(_gain_figure(points), folder, "gain_against_ratio"))
    return written


def _file_name(pair: Pair) -> str:
    return re.sub(r"[\s/]", "_", pair.name)


def _curves(pair: Pair) -> list[figures.Line]:
    """Of the two runs, where their accuracies were tracked."""
    curves = []
    for name, run in (("fine labels", pair.fine), ("coarse labels", pair.coarse)):
        lines = Workdir(run.path).read_metrics()
        key = "coarse_top1" if run is pair.coarse else "coarse_top1_from_fine"
        parts = {
            part: np.array([line[f"{prefix}_{key}"] for line in lines])
            for part, prefix in (("training", "training_set"), ("test", "test"))
            if lines and all(f"{prefix}_{key}" in line for line in lines)
        }
        if parts:
            epochs = np.array([line["epoch"] for line in lines])
            curves.append(figures.Line(name, epochs, **parts))
    return curves


def _title(pair: Pair) -> str:
    config = pair.fine.config
    task = config.taxonomy or config.dataset
    share = "" if config.data_fraction == 1 else f", {config.data_fraction:g} of the images"
    return f"{task}{share}: coarse accuracy"


def _by_all_but_fraction(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Pairs that differ in their data fraction alone, by rising fraction."""
    groups: list[list[Pair]] = []
    for pair in sorted(pairs, key=lambda pair: pair.fine.config.data_fraction):
        for group in groups:
            if all(
                set(run.config.differing(other.config)) == {"data_fraction"}
                for run, other in ((pair.fine, group[0].fine), (pair.coarse, group[0].coarse))
            ):
                group.append(pair)
                break
        else:
            groups.append([pair])
    return groups


def _fraction_figure(group: Sequence[Pair]) -> "Figure":
    fractions = np.array([pair.fine.config.data_fraction for pair in group])
    lines = []
    for name, runs in (
        ("fine labels", [pair.fine for pair in group]),
        ("coarse labels", [pair.coarse for pair in group]),
    ):
        training = [run.training_accuracy for run in runs]
        published = [_published_accuracy(run) for run in runs]
        lines.append(
            figures.Line(
                name,
                fractions,
                training=None if None in training else np.array(training),
                test=np.array([run.coarse_accuracy for run in runs]),
                published=None if None in published else np.array(published) / 100,
            )
        )
    return figures.accuracy_against_fraction(lines, _title(group[-1]))


def _published_accuracy(run: EvaluatedRun) -> float | None:
    published = find_published(run.config)
    is_coarse = run.config.labels == "coarse"
    return published.coarse_training if is_coarse else published.fine_training


def _gain_figure(measured: Sequence[figures.GainPoint]) -> "Figure":
    published = [
        figures.GainPoint(evidence.name, evidence.ratio, 100 * evidence.gain, is_published=True)
        for evidence in published_evidence()
    ]
    return figures.gain_against_ratio(
        [*measured, *published], _correlation(measured), _correlation(published)
    )


def _correlation(points: Sequence[figures.GainPoint]) -> RankCorrelation | None:
    """Of gain and ratio; None where the points have none."""
    ratios, gains = (np.array([getattr(p, name) for p in points]) for name in ("ratio", "gain"))
    try:
        return rank_correlation(ratios, gains)
    except InputError:
        return None


def _write(figure: "Figure", folder: str | pathlib.Path, name: str) -> pathlib.Path:
    path = pathlib.Path(folder) / "figures" / f"{name}.png"
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    make_folder(path.parent)
    write_bytes(path, picture.getvalue())
    return path
