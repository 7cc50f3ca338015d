"""How often classes of different parents are confused, against siblings."""

from typing import Any

from coarse2fine.errors import InputError
from coarse2fine.metrics._confusion_sums import sum_confusion


def average_confusion_ratio(confusion: Any, parent: Any, normalize: str | None = None) -> float:
    """Confusion between coarse classes against that within them, from fine predictions.

    It tells whether fine labels are worth their price where only coarse classes are asked for: in
    Chen 2018, the higher the ratio, the more was gained by training on them.

    With C the fine confusion matrix, A all ordered pairs of fine classes of different parents and
    S all ordered pairs of distinct siblings::

        ACR = (sum over (i, j) in A of C[i, j] / |A|) / (sum over (i, j) in S of C[i, j] / |S|)

    which is Chen 2018, Eq. 1, on counts. The authors' code divides each column of C by its sum and
    symmetrises before that: `normalize="predicted"`. (The sums are over both orders of a pair, so
    that C and (C + C^T) / 2 give the same ones.) Either way the diagonal is left out.

    Args:
        confusion: `(num_fine, num_fine)` counts `[target, predicted]`, such as the result of
            `ConfusionMatrix`.
        parent: `num_fine` coarse classes, one for each fine class.
        normalize: None for counts; `predicted` for shares of how often a class is predicted, where
            a class that never is has a column of zeros.

    Raises:
        InputError: a matrix or parents that cannot be used, or a ratio that is undefined: of one
            coarse class, without siblings, or where no image is taken for a sibling of its class.

    Example:
        >>> confusion = [[8, 2, 0], [4, 6, 0], [1, 0, 9]]
        >>> average_confusion_ratio(confusion, parent=(0, 0, 1))  # (1 / 4) / (6 / 2)
        0.08333333333333333

    Reference:
        Chen, Ding, Chin, Marculescu, "Understanding the Impact of Label Granularity on CNN-based
        Image Classification", ICDM workshops 2018, section V.
    """
    sums = sum_confusion(confusion, parent, normalize)
    num_fine, sibling_pairs = len(sums.parent), sums.sibling_pairs.sum()
    reason = None
    if not sums.between_pairs:
        reason = f"all {num_fine} fine classes have one parent. Use two coarse classes or more."
    elif not sibling_pairs:
        reason = f"no two of the {num_fine} fine classes are siblings. Use a coarser taxonomy."
    elif not sums.siblings.any():
        reason = "no image is taken for a sibling of its class. Use a larger test set."
    if reason is not None:
        raise InputError(f"The average confusion ratio is undefined: {reason}")
    between = sums.between.sum() / sums.between_pairs
    return float(between / (sums.siblings.sum() / sibling_pairs))
