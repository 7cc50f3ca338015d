"""How many images have which label."""

import numpy as np

from coarse2fine.data import ArraySource
from coarse2fine.data.label_counts import count_labels
from coarse2fine.taxonomy import Taxonomy

TAXONOMY = Taxonomy("abcde", "xyz", (0, 1, 0, 2, 1))


def test_counts_are_those_of_a_plain_loop():
    rng = np.random.default_rng(0)
    fine = rng.integers(-1, 4, 200)  # The last class has no image.
    coarse = np.where(fine < 0, rng.integers(0, 2, 200), TAXONOMY.coarsen(fine))
    source = ArraySource(np.zeros((200, 1, 1, 1), np.uint8), TAXONOMY, fine, coarse=coarse)
    counts = count_labels(source)
    pairs = list(zip(fine.tolist(), coarse.tolist(), strict=True))
    assert counts.fine.tolist() == [sum(f == k for f, _ in pairs) for k in range(5)]
    assert counts.coarse_only.tolist() == [pairs.count((-1, k)) for k in range(3)]
    assert counts.coarse.tolist() == [sum(c == k for _, c in pairs) for k in range(3)]
    assert counts.fine.sum() + counts.coarse_only.sum() == 200
