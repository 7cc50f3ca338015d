"""Fitting ZCA against the linear algebra that it cannot do without."""

import dataclasses
from typing import Any

import numpy as np

from coarse2fine.benchmarks.images import Images
from coarse2fine.benchmarks.measurement import Measurement, Settings, exact, of_pairs
from coarse2fine.benchmarks.timing import time_pairs
from coarse2fine.data.whitening import fit_zca, global_contrast_normalize
from coarse2fine.process import call_in_process, peak_memory

_ROWS = 4096  # of a product


def measure(settings: Settings) -> list[Measurement]:
    """Seconds of a fit over those of its products and eigenvectors, and a fit's peak memory."""
    return [_measure_seconds(settings), _measure_memory(settings)]


def _measure_seconds(settings: Settings) -> Measurement:
    source = settings.images.load()
    indices = np.arange(len(source))
    chunks = [
        global_contrast_normalize(images).reshape(len(images), -1)
        for images in source.chunks(indices, _ROWS)
    ]

    def least() -> None:
        covariance = np.zeros((chunks[0].shape[1],) * 2)
        for chunk in chunks:
            covariance += chunk.T @ chunk
        np.linalg.eigh(covariance / len(indices))

    times = time_pairs(lambda: fit_zca(source.chunks(indices)), least, settings.pairs, warmup=0)
    return of_pairs(
        "zca/seconds",
        times.ratios,
        bound=1.3,
        note=(
            f"seconds of fit_zca, {len(indices)} images, {settings.images.kind}, over its "
            f"covariance product and eigendecomposition alone ({np.median(times.first):.1f} and "
            f"{np.median(times.second):.1f} s)"
        ),
    )


def _measure_memory(settings: Settings) -> Measurement:
    images = dataclasses.asdict(settings.images)
    num_images, peak = call_in_process(__name__, "fit_and_weigh", images=images)
    return exact(
        "zca/memory",
        peak / 2**30,
        bound=2.5,
        unit="GiB",
        note=(
            f"peak memory of a process that fits {num_images} images, {settings.images.kind}, "
            "read in chunks"
        ),
    )


def fit_and_weigh(images: dict[str, Any]) -> tuple[int, int]:
    """Fits `Images(**images)`; returns how many they are, and this process's peak in bytes."""
    source = Images(**images).load()
    fit_zca(source.chunks(np.arange(len(source))))
    return len(source), peak_memory()
