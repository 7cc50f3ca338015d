"""Fine labels that are partly wrong, below coarse labels that are right."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from coarse2fine.data.partition import id_hashes
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy


def noisy_labels(
    fine: npt.ArrayLike, ids: Sequence[str] | np.ndarray, taxonomy: Taxonomy, rate: float, seed: int
) -> np.ndarray:
    """Replaces fine labels at random by siblings, as a clustering of each coarse class would err.

    With probability `rate` an image's fine label becomes a random one of the same parent, each as
    likely as the next; it may be the same again. Whether and by which is a hash of (seed, id). So
    it does not depend on reading order, and a larger rate changes what a smaller one does, in the
    same way, and more. (The authors' code swaps the labels of two such images instead, which keeps
    the number of images of each fine class.)

    Args:
        fine: `(n,)` fine labels; -1, no label, stays.
        ids: `(n,)` distinct texts.
        taxonomy: of the labels.
        rate: the probability.
        seed: of the hashes.

    Returns:
        `(n,)` int64 fine labels.

    Raises:
        InputError: a rate that is no probability, or labels that do not fit taxonomy or ids.

    Example:
        >>> pets = Taxonomy(("siamese", "persian", "beagle"), ("cat", "dog"), (0, 0, 1))
        >>> noisy_labels([0, 0, 1, 1, 2, -1], list("abcdef"), pets, rate=0.5, seed=1)
        array([ 1,  0,  0,  1,  2, -1])
        >>> noisy_labels([0, 0, 1, 1, 2, -1], list("abcdef"), pets, rate=1.0, seed=1)
        array([ 1,  1,  0,  1,  2, -1])

    Reference:
        Chen et al., Understanding the Impact of Label Granularity on CNN-based Image
        Classification, ICDM workshops 2018, section VI-B.
    """
    if not 0.0 <= rate <= 1.0:
        raise InputError(f"fine_label_noise is {rate}, expected a number from 0 to 1.")
    fine = np.asarray(fine, np.int64)
    if fine.shape != (len(ids),):
        raise InputError(f"{len(ids)} ids and fine labels of shape {fine.shape}, expected as many.")
    coarse = taxonomy.coarsen(fine)
    # The hash's upper half says whether, its lower half by which of the siblings.
    upper, lower = np.divmod(id_hashes(ids, f"fine labels/{seed}"), 2**32)
    is_replaced = (upper < rate * 2**32) & (fine >= 0)
    coarse, lower = coarse[is_replaced], lower[is_replaced].astype(np.int64)
    members = np.concatenate(taxonomy.children)
    count = np.array([len(siblings) for siblings in taxonomy.children])
    first = np.cumsum(count) - count
    noisy = fine.copy()
    noisy[is_replaced] = members[first[coarse] + (lower * count[coarse] >> 32)]
    return noisy
