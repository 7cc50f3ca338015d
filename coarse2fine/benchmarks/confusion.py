"""What a confusion matrix adds to an evaluation, and the memory of a large one."""

import numpy as np

from coarse2fine.benchmarks.images import FITTED
from coarse2fine.benchmarks.measurement import Measurement, Settings, exact, of_pairs
from coarse2fine.benchmarks.timing import time_pairs
from coarse2fine.evaluation import make_report, predict
from coarse2fine.evaluation.decisions import Decisions
from coarse2fine.evaluation.report import confusion_ratios
from coarse2fine.metrics import ConfusionMatrix
from coarse2fine.process import call_in_process, peak_memory, resident_memory
from coarse2fine.training import Config
from coarse2fine.training.build_model import build_model
from coarse2fine.training.preprocessing import fit_preprocessing, make_preprocessing


def measure(
    settings: Settings,
    num_images: int = 10_000,
    width: float = 0.25,
    num_classes: int = 10_000,
    batch_size: int = 128,
) -> list[Measurement]:
    """The share of an evaluation that goes into confusion, and a large matrix's memory.

    Args:
        settings: of all benchmarks.
        num_images: of the evaluation; at most those there are.
        width: of NIN.
        num_classes: of the large matrix.
        batch_size: images of each of its updates.
    """
    return [
        _measure_seconds(settings, num_images, width),
        _measure_memory(num_classes, batch_size),
    ]


def _measure_seconds(settings: Settings, num_images: int, width: float) -> Measurement:
    source = settings.images.load()
    images = np.arange(min(num_images, len(source)))
    statistics = fit_preprocessing("standardize", source, images[:FITTED])
    preprocess = make_preprocessing("standardize", statistics, source.image_shape)
    taxonomy = source.taxonomy
    model = build_model(Config(width=width), taxonomy, source.image_shape)
    predictions = predict(model, preprocess, source, images)

    def evaluate() -> None:
        make_report(predict(model, preprocess, source, images), taxonomy)

    def confuse() -> None:
        confusion = Decisions.of(predictions).fine_confusion(taxonomy.num_fine)
        confusion_ratios(confusion, taxonomy)

    times = time_pairs(confuse, evaluate, settings.pairs)
    return of_pairs(
        "confusion/evaluation",
        times.first / (times.second - times.first),
        bound=0.02,
        note=(
            f"seconds of the fine confusion matrix and both average confusion ratios over those of "
            f"the rest of an evaluation, {len(images)} images, {settings.images.kind}, NIN of "
            f"width {width:g} ({1000 * np.median(times.first):.1f} ms and "
            f"{np.median(times.second - times.first):.2f} s)"
        ),
    )


def _measure_memory(num_classes: int, batch_size: int) -> Measurement:
    growth = call_in_process(
        __name__, "count_and_weigh", num_classes=num_classes, batch_size=batch_size
    )
    return exact(
        "confusion/memory",
        growth / 2**30,
        bound=1.0,
        unit="GiB",
        note=(
            f"growth of a process by a ConfusionMatrix of {num_classes} classes that is updated, "
            "gives its result, is reset and counts again"
        ),
    )


def count_and_weigh(num_classes: int, batch_size: int, updates: int = 5) -> int:
    """Counts random images twice; returns by how many bytes this process has grown at its peak."""
    _count_twice(2, batch_size, updates)  # What TensorFlow takes by itself is there before.
    resident = resident_memory()
    before = peak_memory() if resident is None else resident
    for counted in _count_twice(num_classes, batch_size, updates):
        if counted != batch_size * updates:
            raise RuntimeError(f"{counted} images were counted, not {batch_size * updates}.")
    return peak_memory() - before


def _count_twice(num_classes: int, batch_size: int, updates: int) -> list[int]:
    """As two evaluations do: each resets the matrix, counts, and takes the result."""
    rng = np.random.default_rng(0)
    matrix = ConfusionMatrix(num_classes)
    counted = []
    for _ in range(2):
        matrix.reset_state()
        for _ in range(updates):
            labels = rng.integers(0, num_classes, batch_size)
            matrix.update_state(labels, rng.random((batch_size, num_classes), np.float32))
        counted.append(int(np.asarray(matrix.result()).sum()))
    return counted
