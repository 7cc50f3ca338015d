"""The average confusion ratio of every two coarse classes."""

from typing import Any

import numpy as np

from coarse2fine.metrics._confusion_sums import check_normalize, divide, sum_confusion


def pair_confusion_ratios(
    confusion: Any, parent: Any, normalize: str | None = None
) -> np.ma.MaskedArray:
    """The `average_confusion_ratio` of every two coarse classes, as if there were no others.

    It shows which coarse classes are hard to tell apart. Entry k, l is the ratio of the confusion
    matrix restricted to the fine classes of k and l.

    Args:
        confusion: `(num_fine, num_fine)` counts `[target, predicted]`.
        parent: `num_fine` coarse classes, one for each fine class.
        normalize: as of `average_confusion_ratio`; how often a class is predicted is counted among
            the images of the two coarse classes.

    Returns:
        `(num_coarse, num_coarse)`, symmetric; masked on the diagonal and where it is undefined: two
        only children, or no confusion between siblings in either.

    Raises:
        InputError: a matrix or parents that cannot be used.

    Example:
        >>> confusion = [[8, 2, 0], [4, 6, 0], [1, 0, 9]]
        >>> pair_confusion_ratios(confusion, parent=(0, 0, 1)).tolist()
        [[None, 0.08333333333333333], [0.08333333333333333, None]]
    """
    check_normalize(normalize)
    sums = sum_confusion(confusion, parent)
    named, siblings = sums.between, sums.siblings
    if normalize is not None:
        # Column j of the matrix of coarse class k and j's parent holds these three and no more.
        of_pair = sums.between + sums.siblings + sums.correct
        named, siblings = divide(named, of_pair), divide(siblings, of_pair)
    between = sums.over_children(named)
    within = np.broadcast_to(sums.over_children(siblings), between.shape)
    between, within = between + between.T, within + within.T
    between_pairs = 2 * np.multiply.outer(sums.sizes, sums.sizes)
    sibling_pairs = np.add.outer(sums.sibling_pairs, sums.sibling_pairs)
    ratios = divide(between * sibling_pairs, within * between_pairs)
    return np.ma.masked_array(ratios, (within == 0) | np.eye(len(ratios), dtype=bool))
