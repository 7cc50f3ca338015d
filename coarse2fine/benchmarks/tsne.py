"""How long t-SNE of a test set's features takes."""

import os
import time

import numpy as np

from coarse2fine.benchmarks.measurement import Measurement, Settings, exact
from coarse2fine.evaluation.embedding import tsne

_CLUSTERS = 100


def measure(settings: Settings, points: int = 10_000, channels: int = 128) -> list[Measurement]:
    """Seconds of one t-SNE.

    Args:
        settings: of all benchmarks.
        points: that are placed.
        channels: of the features.
    """
    features = clustered_features(points, channels)
    start = time.perf_counter()
    tsne(features)
    seconds = time.perf_counter() - start
    return [
        exact(
            "tsne/seconds",
            seconds,
            bound=180.0,
            unit="s",
            note=(
                f"t-SNE of {points:,} features of {channels} dimensions in {_CLUSTERS} random "
                f"clusters, {os.cpu_count()} cores"
            ),
        )
    ]


def clustered_features(points: int, channels: int) -> np.ndarray:
    """`(points, channels)` float32 around centres that lie about as far apart as they spread."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(_CLUSTERS, channels))
    cluster = random.integers(0, _CLUSTERS, points)
    return (centres[cluster] + random.normal(size=(points, channels))).astype(np.float32)
