"""The average confusion ratio of each coarse class."""

from typing import Any

import numpy as np

from coarse2fine.metrics._confusion_sums import divide, sum_confusion


def coarse_confusion_ratios(
    confusion: Any, parent: Any, normalize: str | None = None
) -> np.ma.MaskedArray:
    """Each coarse class's confusion with all others against that among its own fine classes.

    It shows which coarse classes the `average_confusion_ratio` comes from. With C the fine
    confusion matrix, A_k the ordered pairs, in both orders, of one fine class of k and one of
    another parent, and S_k the ordered pairs of distinct fine classes of k::

        ratio[k] = (sum over A_k of C[i, j] / |A_k|) / (sum over S_k of C[i, j] / |S_k|)

    Args:
        confusion: `(num_fine, num_fine)` counts `[target, predicted]`.
        parent: `num_fine` coarse classes, one for each fine class.
        normalize: as of `average_confusion_ratio`.

    Returns:
        `(num_coarse,)`, masked where it is undefined: a class that is an only child or the only
        coarse class, or whose fine classes are never confused with each other.

    Raises:
        InputError: a matrix or parents that cannot be used.

    Example:
        >>> confusion = [[8, 2, 0], [4, 6, 0], [1, 0, 9]]
        >>> coarse_confusion_ratios(confusion, parent=(0, 0, 1)).tolist()
        [0.08333333333333333, None]
    """
    sums = sum_confusion(confusion, parent, normalize)
    named = sums.over_children(sums.between)
    between, siblings = named.sum(0) + named.sum(1), sums.over_children(sums.siblings)
    between_pairs = 2 * sums.sizes * (len(sums.parent) - sums.sizes)
    ratios = divide(between * sums.sibling_pairs, siblings * between_pairs)
    return np.ma.masked_array(ratios, (siblings == 0) | (between_pairs == 0))
