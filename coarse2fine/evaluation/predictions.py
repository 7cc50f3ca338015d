"""The scores of a set of images, with their labels."""

import dataclasses
import typing
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from coarse2fine.data import EncodedSource, Source, evaluation_batches
from coarse2fine.data.pipeline import Preprocess, view_batches
from coarse2fine.data.views import TenCrop
from coarse2fine.errors import InputError, check_known


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

    def by_level(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Name, scores and labels of each level that has a head, the fine one first."""
        if self.fine_scores is not None:
            yield "fine", self.fine_scores, self.fine
        if self.coarse_scores is not None:
            yield "coarse", self.coarse_scores, self.coarse

    def of(self, images: np.ndarray) -> "Predictions":
        """Those of some of the images, by a mask or by numbers."""
        fine_scores, coarse_scores = (
            None if scores is None else scores[images]
            for scores in (self.fine_scores, self.coarse_scores)
        )
        return Predictions(fine_scores, coarse_scores, self.fine[images], self.coarse[images])


def predict(
    model: keras.Model,
    preprocess: Preprocess,
    source: Source,
    indices: np.ndarray | None = None,
    batch_size: int = 128,
    views: int = 1,
) -> Predictions:
    """Scores images.

    Args:
        model: gives `{"fine", "coarse"}` scores, or one of them.
        preprocess: from uint8 images to what the model takes.
        source: of the images.
        indices: which of them; all by default.
        batch_size: images, or views of them, at a time.
        views: 1, as the source shows an image; 2, mirrored too; or 10, its corners and middle,
            each mirrored too. Of several, an image's scores are the logarithms of its mean
            probabilities.

    Raises:
        InputError: scores that are not finite; images that cannot be read; 10 views of images in
            memory.
    """
    indices = np.arange(len(source)) if indices is None else indices
    with source.reading():
        scores = (
            model.predict(evaluation_batches(source, indices, batch_size, preprocess), verbose=0)
            if views == 1
            else _average_views(model, preprocess, source, indices, batch_size, views)
        )
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


def check_views(source: Source, views: int) -> None:
    """Raises `InputError` where a source cannot give so many views of an image."""
    check_known("number of views", str(views), ("1", "2", "10"))
    if views == 10 and not isinstance(source, EncodedSource):
        raise InputError(
            f"10 views are crops of image files, and the images of {source.dataset!r} are in "
            "memory in one size. Use 1 or 2 views."
        )


def _average_views(
    model: keras.Model,
    preprocess: Preprocess,
    source: Source,
    indices: np.ndarray,
    batch_size: int,
    views: int,
) -> dict[str, np.ndarray]:
    """The logarithms of the probabilities' mean over an image's views."""
    check_views(source, views)
    if views == 2:
        batches = evaluation_batches(
            source,
            indices,
            max(1, batch_size // 2),
            lambda images: preprocess(_and_mirrored(images)),
        ).map(lambda images, *_: images)
    else:
        files = typing.cast(EncodedSource, source)
        view = TenCrop(files.view.size, files.view.shorter_side)
        batches = view_batches(files, indices, batch_size, preprocess, view)
    scores = model.predict(batches, verbose=0)
    averaged = {}
    for level, level_scores in scores.items():
        level_scores = level_scores.astype(np.float64).reshape(-1, views, level_scores.shape[-1])
        logarithms = level_scores - np.logaddexp.reduce(level_scores, axis=-1, keepdims=True)
        mean = np.logaddexp.reduce(logarithms, axis=1) - np.log(views)
        averaged[level] = mean.astype(np.float32)
    return averaged


def _and_mirrored(images: tf.Tensor) -> tf.Tensor:
    """Each image, and behind it what a mirror shows of it."""
    both = tf.stack([images, tf.reverse(images, [2])], axis=1)
    return tf.reshape(both, (-1, *images.shape[1:]))
