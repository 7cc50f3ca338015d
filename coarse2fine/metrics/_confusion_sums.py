"""A confusion matrix summed over the families of a taxonomy."""

import dataclasses
from typing import Any

import numpy as np

from coarse2fine.errors import InputError, check_known

_ROWS = 256  # of the matrix that are copied at a time


@dataclasses.dataclass(frozen=True)
class ConfusionSums:
    """How often each fine class j is named, by what the image shows.

    Attributes:
        between: `(num_coarse, num_fine)`: for images of coarse class k; 0 where k is j's parent.
        siblings: `(num_fine,)`: for images of j's siblings.
        correct: `(num_fine,)`: for images of j.
        parent: `(num_fine,)` coarse classes.
        sizes: `(num_coarse,)`: how many fine classes each has.
    """

    between: np.ndarray
    siblings: np.ndarray
    correct: np.ndarray
    parent: np.ndarray
    sizes: np.ndarray

    @property
    def between_pairs(self) -> int:
        """Ordered pairs of fine classes of different parents."""
        return int(self.sizes.sum() ** 2 - (self.sizes**2).sum())

    @property
    def sibling_pairs(self) -> np.ndarray:
        """`(num_coarse,)` ordered pairs of distinct siblings."""
        return self.sizes * (self.sizes - 1)

    def over_children(self, values: np.ndarray) -> np.ndarray:
        """Sums `(.., num_fine)` over the fine classes of each coarse one: `(.., num_coarse)`."""
        order = np.argsort(self.parent, kind="stable")
        starts = np.cumsum(self.sizes) - self.sizes
        return np.add.reduceat(values[..., order], starts, axis=-1)

    def share_of_predicted(self) -> "ConfusionSums":
        """Divides by how often a class is named; one that is never named keeps its zeros."""
        named = self.between.sum(0) + self.siblings + self.correct
        return dataclasses.replace(
            self,
            between=divide(self.between, named),
            siblings=divide(self.siblings, named),
            correct=divide(self.correct, named),
        )


def check_normalize(normalize: str | None) -> None:
    """Raises `InputError` where there is no such normalization."""
    if normalize is not None:
        check_known("normalize", normalize, ("predicted",))


def sum_confusion(confusion: Any, parent: Any, normalize: str | None = None) -> ConfusionSums:
    """Sums a confusion matrix, `[target, predicted]`; with `normalize` its columns' shares.

    Raises:
        InputError: no square matrix of finite counts, parents that do not fit it, or an unknown
            `normalize`.
    """
    check_normalize(normalize)
    confusion, parent = np.asarray(confusion), np.asarray(parent)
    _check_shapes(confusion, parent)
    parent = parent.astype(np.int64)
    num_fine, sizes = len(parent), np.bincount(parent)
    sums = np.zeros((len(sizes), num_fine))
    correct = np.zeros(num_fine)
    for coarse in range(len(sizes)):
        (members,) = np.nonzero(parent == coarse)
        for rows in np.split(members, range(_ROWS, len(members), _ROWS)):
            block, diagonal = confusion[rows], (np.arange(len(rows)), rows)
            _check_counts(block, rows)
            # Left out of the sums, not taken off them: no siblings' confusion is exactly 0.
            correct[rows] = block[diagonal]
            block[diagonal] = 0
            sums[coarse] += block.sum(0, dtype=np.float64)
    own = parent, np.arange(num_fine)
    siblings = sums[own]
    sums[own] = 0
    raw = ConfusionSums(sums, siblings, correct, parent, sizes)
    return raw if normalize is None else raw.share_of_predicted()


def divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient, 0 where the denominator is 0."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    return np.divide(numerator, denominator, out=np.zeros(shape), where=denominator != 0)


def _check_shapes(confusion: np.ndarray, parent: np.ndarray) -> None:
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1] or not confusion.size:
        raise InputError(
            f"The confusion matrix is of shape {confusion.shape}, expected (num_fine, num_fine): a "
            "row for each target and a column for each predicted class."
        )
    if confusion.dtype.kind not in "buif":
        raise InputError(f"The confusion matrix is of type {confusion.dtype}, expected numbers.")
    if parent.shape != confusion.shape[:1] or parent.dtype.kind not in "ui":
        raise InputError(
            f"parent is of shape {parent.shape} and type {parent.dtype}, expected "
            f"{len(confusion)} whole numbers, a coarse class for each class of the confusion "
            "matrix."
        )
    present = np.unique(parent)
    if not np.array_equal(present, np.arange(len(present))):
        raise InputError(
            f"parent names {len(present)} coarse classes, {present[0]} to {present[-1]}. Number "
            "them 0, 1, .. without gaps."
        )


def _check_counts(block: np.ndarray, rows: np.ndarray) -> None:
    # Twice as fast as looking at each cell; a NaN is the minimum of whatever it is among.
    if not (block.min() >= 0 and block.max() < np.inf):
        row, predicted = np.argwhere(~((block >= 0) & (block < np.inf)))[0]
        raise InputError(
            f"The confusion matrix has {block[row, predicted]} for target {rows[row]} and "
            f"predicted class {predicted}, expected finite counts of 0 or more."
        )
