"""Which siblings a network takes for each other most."""

import dataclasses

import numpy as np

from coarse2fine.evaluation.decisions import Decisions
from coarse2fine.taxonomy import Taxonomy


@dataclasses.dataclass(frozen=True)
class HardPair:
    """Two fine classes of one parent, and how often one is taken for the other.

    Attributes:
        classes: the two fine classes, the lower one first.
        share: of the test images of both that are named as the other one.
        images: numbers of these images.
    """

    classes: tuple[int, int]
    share: float
    images: np.ndarray


def hardest_pairs(decisions: Decisions, taxonomy: Taxonomy, most: int) -> list[HardPair]:
    """The pairs of siblings of which the largest share is taken for the other, the hardest first.

    Args:
        decisions: of a network with a fine head.
        taxonomy: of the classes.
        most: how many pairs; pairs that are never confused are left out.
    """
    confusion = decisions.fine_confusion(taxonomy.num_fine)
    images = confusion.sum(1)
    parent = np.asarray(taxonomy.parent)
    low, high = np.nonzero(np.triu(confusion + confusion.T, 1))
    are_siblings = parent[low] == parent[high]
    low, high = low[are_siblings], high[are_siblings]
    shares = (confusion[low, high] + confusion[high, low]) / (images[low] + images[high])
    pairs = []
    for place in np.argsort(-shares, kind="stable")[:most]:
        a, b = int(low[place]), int(high[place])
        is_taken = (decisions.fine == a) & (decisions.best_fine == b)
        is_taken |= (decisions.fine == b) & (decisions.best_fine == a)
        pairs.append(HardPair((a, b), float(shares[place]), np.flatnonzero(is_taken)))
    return pairs
