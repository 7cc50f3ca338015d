"""Confusion ratios of test sets that are drawn from the images of one."""

import dataclasses

import numpy as np

from coarse2fine.taxonomy import Taxonomy


@dataclasses.dataclass(frozen=True)
class Ratios:
    """The ratios of r test sets, normalised by how often a class is named.

    Infinite where classes of other parents are confused and no siblings are; NaN where neither are,
    or where there are no siblings, or no other parents.

    Attributes:
        overall: `(r,)` average confusion ratios.
        by_class: `(r, num_coarse)` those of each coarse class.
    """

    overall: np.ndarray
    by_class: np.ndarray


def resample_ratios(
    labels: np.ndarray, named: np.ndarray, taxonomy: Taxonomy, num_resamples: int, seed: int
) -> Ratios:
    """The ratios of the test set, first, and of resamples of its images.

    They are those of `average_confusion_ratio` and `coarse_confusion_ratios` with
    `normalize="predicted"`, from the cells of the confusion matrix that hold an image: their number
    does not grow with the square of the number of classes.

    Args:
        labels: `(n,)` fine labels.
        named: `(n,)` best fine classes.
        taxonomy: of the classes.
        num_resamples: drawn with replacement, each of n images.
        seed: of the draws.

    Returns:
        Ratios of `1 + num_resamples` test sets.
    """
    num_fine = taxonomy.num_fine
    cells, counts = np.unique(labels * num_fine + named, return_counts=True)
    sums = _CellSums(*np.divmod(cells, num_fine), taxonomy)
    rng = np.random.default_rng(seed)
    shares = counts / counts.sum()
    # Resampling images resamples how many lie in each cell of the matrix.
    rows = [sums.ratios(counts)]
    rows += [sums.ratios(rng.multinomial(counts.sum(), shares)) for _ in range(num_resamples)]
    return Ratios(np.array([row[0] for row in rows]), np.stack([row[1] for row in rows]))


class _CellSums:
    """Sums the cells of a confusion matrix, given their targets and predicted classes."""

    def __init__(self, targets: np.ndarray, predicted: np.ndarray, taxonomy: Taxonomy):
        parent = np.array(taxonomy.parent)
        self._num_fine, self._num_coarse = taxonomy.num_fine, taxonomy.num_coarse
        self._predicted = predicted
        self._rows, self._columns = parent[targets], parent[predicted]
        self._is_between = self._rows != self._columns
        self._is_sibling = ~self._is_between & (targets != predicted)
        sizes = np.array([len(members) for members in taxonomy.children])
        self._sibling_pairs = sizes * (sizes - 1)
        self._between_pairs = sizes * (self._num_fine - sizes)  # In one of the two orders.

    def ratios(self, counts: np.ndarray) -> tuple[float, np.ndarray]:
        """Over all, and of each coarse class."""
        named = np.bincount(self._predicted, counts, self._num_fine)
        shares = counts / np.maximum(named, 1)[self._predicted]
        between = np.zeros(self._num_coarse)
        for side in (self._rows, self._columns):
            of_pairs = side[self._is_between], shares[self._is_between]
            between += np.bincount(*of_pairs, self._num_coarse)
        siblings = np.bincount(
            self._rows[self._is_sibling], shares[self._is_sibling], self._num_coarse
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            by_class = (between / (2 * self._between_pairs)) / (siblings / self._sibling_pairs)
            overall = (between.sum() / (2 * self._between_pairs.sum())) / (
                siblings.sum() / self._sibling_pairs.sum()
            )
        by_class[(self._sibling_pairs == 0) | (self._between_pairs == 0)] = np.nan
        return float(overall), by_class
