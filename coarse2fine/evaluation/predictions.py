"""The scores of a set of images, with their labels."""

import dataclasses

import keras
import numpy as np

from coarse2fine.data import Source, evaluation_batches
from coarse2fine.data.pipeline import Preprocess
from coarse2fine.errors import InputError


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Scores and labels of n images, in one order.

    Attributes:
        fine_scores: `(n, num_fine)` float32 before softmax; None without a fine head.
        coarse_scores: `(n, num_coarse)` float32 before softmax; None without a coarse head.
        fine: `(n,)` fine labels, -1 where there is none.
        coarse: `(n,)` coarse labels.
    """

    fine_scores: np.ndarray | None
    coarse_scores: np.ndarray | None
    fine: np.ndarray
    coarse: np.ndarray


def predict(
    model: keras.Model,
    preprocess: Preprocess,
    source: Source,
    indices: np.ndarray | None = None,
    batch_size: int = 128,
) -> Predictions:
    """Scores images.

    Args:
        model: gives `{"fine", "coarse"}` scores, or one of them.
        preprocess: from uint8 images to what the model takes.
        source: of the images.
        indices: which of them; all by default.
        batch_size: images at a time.

    Raises:
        InputError: scores that are not finite.
    """
    indices = np.arange(len(source)) if indices is None else indices
    batches = evaluation_batches(source, indices, batch_size, preprocess)
    scores = model.predict(batches, verbose=0)
    fine_scores, coarse_scores = (
        scores[level][: len(indices)] if level in scores else None for level in ("fine", "coarse")
    )
    for level, level_scores in scores.items():
        is_bad = ~np.isfinite(level_scores).all(-1)
        if is_bad.any():
            raise InputError(
                f"The {level} scores of {is_bad.sum()} images are not finite: the network "
                "overflows. Compute in float32, or train again."
            )
    return Predictions(fine_scores, coarse_scores, source.fine[indices], source.coarse[indices])
