"""Statistics for contrast normalisation and ZCA whitening."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from coarse2fine.errors import InputError

# Rows of one covariance product: long enough for the product to run at full speed.
_CHUNK = 4096

# Rows normalised at a time: few enough to stay in the processor's cache.
_ROWS = 64


@dataclasses.dataclass(frozen=True)
class ZcaStatistics:
    """What `coarse2fine.layers.Whitening` needs to know of the training images.

    Attributes:
        mean: `(d,)` float32, mean of the contrast-normalised images.
        matrix: `(d, d)` float32, symmetric whitening matrix.
    """

    mean: np.ndarray
    matrix: np.ndarray


def global_contrast_normalize(images: np.ndarray, scale: float = 55.0) -> np.ndarray:
    """Takes each image's mean off and divides by its norm, so that its norm is `scale`.

    Args:
        images: `(n, height, width, channels)`, or any shape with one image per entry of axis 0.
        scale: Norm of every image afterwards. An image of one value becomes zeros.

    Returns:
        float32 images of the same shape.
    """
    x = np.array(images, dtype=np.float32, order="C")
    _normalize_rows(x.reshape(len(x), int(np.prod(x.shape[1:]))), scale)
    return x


def fit_zca(
    batches: Iterable[np.ndarray], epsilon: float = 0.1, scale: float = 55.0
) -> ZcaStatistics:
    """Fits ZCA whitening to contrast-normalised images in one pass.

    With the normalised images as rows of X and their covariance `V diag(eig) V^T`:

        matrix = V diag(1 / sqrt(eig + epsilon)) V^T

    Products are float32, their sum float64. Contrast-normalised values have a mean square of
    `scale**2 / d`, about 1, and the largest eigenvalue is below `scale**2`, so a product's
    rounding stays near 1e-4, far below an epsilon of .1.

    Args:
        batches: Arrays `(n, height, width, channels)` of values from 0 to 255, read once.
        epsilon: Added to the eigenvalues; .1 in the NIN and maxout papers.
        scale: Norm of every image after contrast normalisation.

    Returns:
        The statistics of all images together.
    """
    if epsilon <= 0:
        raise InputError(f"fit_zca: epsilon must be positive, got {epsilon!r}.")
    if scale <= 0:
        raise InputError(f"fit_zca: scale must be positive, got {scale!r}.")
    count = 0
    for x in _normalized_chunks(batches, scale):
        if count == 0:
            total = np.zeros(x.shape[1])
            products = np.zeros((x.shape[1], x.shape[1]))
        count += len(x)
        total += np.ones(len(x), np.float32) @ x
        products += x.T @ x
    if not count:
        raise InputError("fit_zca: there are no images to fit the whitening to.")
    mean = total / count
    products /= count
    products -= np.outer(mean, mean)
    eigenvalues, vectors = np.linalg.eigh(products)
    # With r = (eig + epsilon)^(-1/4), matrix = (V r)(V r)^T, half the work of a general product.
    # Rounding leaves the smallest eigenvalues just below zero.
    vectors *= (np.maximum(eigenvalues, 0.0) + epsilon) ** -0.25
    vectors = vectors.astype(np.float32)
    return ZcaStatistics(mean.astype(np.float32), vectors @ vectors.T)


def _normalize_rows(x, scale):
    """Contrast normalisation of `(n, d)` float32 rows, in place."""
    x -= x.mean(axis=1, keepdims=True)
    norm = np.sqrt(np.einsum("nd,nd->n", x, x))
    x *= (scale / np.maximum(norm, 1e-8))[:, np.newaxis]


def _normalized_chunks(batches, scale):
    """Yields the normalised images of all batches as `(n, d)` rows, n the same but for the last.

    Rows are copied into one buffer that is used again, so a batch is never kept, and normalised
    there while they are in the processor's cache.
    """
    shape, buffer, filled = None, np.empty((0, 0), np.float32), 0
    for number, batch in enumerate(batches):
        batch = np.asarray(batch)
        if shape is None and batch.ndim == 4:
            shape = batch.shape[1:]
            buffer = np.empty((_CHUNK, int(np.prod(shape))), np.float32)
        if batch.ndim != 4 or batch.shape[1:] != shape:
            raise InputError(
                "fit_zca: expected batches of shape (n, height, width, channels), all images of "
                f"one shape, got batch {number} of shape {batch.shape}"
                + ("." if shape is None else f" after images of shape {shape}.")
            )
        start = 0
        while start < len(batch):
            images = batch[start : start + min(_ROWS, _CHUNK - filled)]
            rows = buffer[filled : filled + len(images)]
            rows[:] = images.reshape(len(images), -1)
            _normalize_rows(rows, scale)
            start += len(rows)
            filled += len(rows)
            if filled == _CHUNK:
                yield buffer
                filled = 0
    if filled:
        yield buffer[:filled]
