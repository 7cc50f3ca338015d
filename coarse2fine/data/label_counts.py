"""How many images of each class a source holds."""

import dataclasses

import numpy as np

from coarse2fine.data.source import Source


@dataclasses.dataclass(frozen=True)
class LabelCounts:
    """Images by their labels.

    Attributes:
        fine: `(num_fine,)` images with each fine label.
        coarse_only: `(num_coarse,)` images of each coarse class without a fine label.
        coarse: `(num_coarse,)` all images of each coarse class.
    """

    fine: np.ndarray
    coarse_only: np.ndarray
    coarse: np.ndarray


def count_labels(source: Source) -> LabelCounts:
    """Counts a source's images by their labels.

    Example:
        >>> from coarse2fine.data import ArraySource
        >>> from coarse2fine.taxonomy import Taxonomy
        >>> pets = Taxonomy(("siamese", "persian", "beagle"), ("cat", "dog"), (0, 0, 1))
        >>> images = np.zeros((4, 8, 8, 3), np.uint8)
        >>> source = ArraySource(images, pets, np.array([0, 0, -1, 2]), coarse=[0, 0, 0, 1])
        >>> count_labels(source)
        LabelCounts(fine=array([2, 0, 1]), coarse_only=array([1, 0]), coarse=array([3, 1]))
    """
    num_fine, num_coarse = source.taxonomy.num_fine, source.taxonomy.num_coarse
    has_fine = source.fine >= 0
    return LabelCounts(
        np.bincount(source.fine[has_fine], minlength=num_fine),
        np.bincount(source.coarse[~has_fine], minlength=num_coarse),
        np.bincount(source.coarse, minlength=num_coarse),
    )
