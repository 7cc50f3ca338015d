"""Images as a network sees them: its features, and where t-SNE puts them in the plane."""

import itertools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from coarse2fine.data import Source, evaluation_batches
from coarse2fine.errors import InputError
from coarse2fine.import_extra import import_extra
from coarse2fine.training.run import Run

_PERPLEXITY = 30
_LEAST = 4  # As few as give a perplexity of 1.
_UPDATES = {"early_exaggeration_iter": 250, "n_iter": 500}
_UPDATES_A_REPORT = 50
_FEW = 1000  # Below, starting threads takes longer than they save.


def features(
    run: Run, source: Source, indices: np.ndarray | None = None, batch_size: int = 128
) -> np.ndarray:
    """What a run's network makes of images before the scores.

    Args:
        run: with its model.
        source: of the images.
        indices: which of them; all by default.
        batch_size: images at a time.

    Returns:
        `(n, channels)` float32: the backbone's features, averaged over locations.

    Raises:
        InputError: features that are not finite; images that cannot be read.
    """
    indices = np.arange(len(source)) if indices is None else indices
    compute = tf.function(lambda images: run.model.features(images, training=False))
    batches = evaluation_batches(source, indices, batch_size, run.preprocess)
    with source.reading():
        parts = [compute(images).numpy() for images, _, _ in batches]
    found = np.concatenate(parts)[: len(indices)]
    is_bad = ~np.isfinite(found).all(-1)
    if is_bad.any():
        raise InputError(
            f"The features of {is_bad.sum()} images are not finite: the network overflows. "
            "Compute in float32, or train again."
        )
    return found


def tsne(
    features: np.ndarray, seed: int = 0, on_progress: Callable[[int, int], None] | None = None
) -> np.ndarray:
    """Places features in the plane so that near ones stay near (Chen 2018, Fig. 4).

    t-SNE moves the points q of the plane until the distribution over pairs that their distances
    give is close to the one that the features' distances give::

        p[i, j] ~ exp(-|x[i] - x[j]|^2 / 2 sigma[i]^2), made symmetric
        q[i, j] ~ 1 / (1 + |y[i] - y[j]|^2)
        minimise KL(p || q), from the first two principal components on

    `sigma[i]` gives each point a perplexity of 30, or a third of the other points where there are
    few. Neighbours are exact, so that a seed gives the same points on any number of cores.

    Args:
        features: `(n, channels)` with n 4 or more and channels 2 or more.
        seed: of the principal components and of the jitter on them.
        on_progress: called with the updates done and the updates in all, now and then.

    Returns:
        `(n, 2)` float64.

    Raises:
        InputError: features of another shape, not finite or all equal; or openTSNE is missing.

    Example:
        >>> two_clusters = np.eye(2)[np.arange(20) % 2] + 0.01 * np.arange(20)[:, None]
        >>> tsne(two_clusters).shape
        (20, 2)

    Reference:
        van der Maaten, Hinton, "Visualizing Data using t-SNE", JMLR 2008; Poličar, Stražar, Zupan,
        "openTSNE", JSS 2024.
    """
    open_tsne = import_extra("openTSNE")
    _check_features(features)
    done = itertools.count(_UPDATES_A_REPORT, _UPDATES_A_REPORT)
    total = sum(_UPDATES.values())

    def report(*_: object) -> None:
        if on_progress is not None:
            on_progress(next(done), total)

    embedding = open_tsne.TSNE(
        perplexity=min(_PERPLEXITY, (len(features) - 1) / 3),
        initialization="pca",
        neighbors="exact",
        random_state=seed,
        n_jobs=1 if len(features) < _FEW else -1,
        callbacks=report,
        callbacks_every_iters=_UPDATES_A_REPORT,
        **_UPDATES,
    ).fit(features)
    return np.array(embedding)


def _check_features(features: np.ndarray) -> None:
    if features.ndim != 2 or len(features) < _LEAST or features.shape[1] < 2:
        raise InputError(
            f"features has shape {features.shape}, expected (n, channels) with n at least "
            f"{_LEAST} and channels at least 2."
        )
    if not np.isfinite(features).all():
        raise InputError("features holds numbers that are not finite.")
    if (features == features[0]).all():
        raise InputError(f"All {len(features)} features are equal: they cannot be placed.")
