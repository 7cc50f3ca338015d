"""Test images that show what networks do well and what they do not."""

import numpy as np

from coarse2fine.evaluation.decisions import Decisions
from coarse2fine.taxonomy import Taxonomy

OUTCOMES = {
    "right": "named rightly",
    "a sibling": "named as a sibling",
    "another parent": "named as a child of another parent",
    "wrong": "named wrongly",
}
"""The kinds that `choose_images` gives, each in words."""


def choose_images(
    decisions: Decisions, taxonomy: Taxonomy, each: int, seed: int, most: int | None = None
) -> dict[str, np.ndarray]:
    """Images of each kind of outcome, drawn by a seed.

    - `right`: the best fine class is the image's;
    - `a sibling`: it is another child of the image's coarse class;
    - `another parent`: it is a child of another coarse class.

    Of a network without a fine head `right` and `wrong`, by the best coarse class. Images without
    the label in question are in none.

    Args:
        decisions: on the test images.
        taxonomy: of the classes.
        each: images of each kind; fewer where there are fewer.
        seed: of the drawing.
        most: images of all kinds; those that there are share them evenly, and the first ones have
            one more where that does not come out. By default there is no such limit.

    Returns:
        Numbers of test images by kind; kinds without an image are left out.
    """
    if decisions.has_fine_head:
        is_right = decisions.best_fine == decisions.fine
        is_sibling = taxonomy.coarsen(decisions.best_fine) == decisions.coarse
        has_label = decisions.fine >= 0
        kinds = {
            "right": is_right,
            "a sibling": is_sibling & ~is_right,
            "another parent": ~is_sibling,
        }
    else:
        is_right = decisions.best_coarse == decisions.coarse
        has_label = np.ones(len(is_right), bool)
        kinds = {"right": is_right, "wrong": ~is_right}
    return _drawn({kind: is_kind & has_label for kind, is_kind in kinds.items()}, each, seed, most)


def choose_images_of_two(
    first: Decisions,
    second: Decisions,
    taxonomy: Taxonomy,
    each: int,
    seed: int,
    most: int | None = None,
) -> dict[str, np.ndarray]:
    """Images on which two networks agree or differ, drawn by a seed.

    - `both right`: the best fine class of both is the image's;
    - `only the first right` and `only the second right`;
    - `both fooled`: that of both is a child of another coarse class than the image's.

    Args:
        first: decisions on the test images, of a network with a fine head.
        second: of another network on the same images.
        taxonomy: of the classes.
        each: as of `choose_images`.
        seed: likewise.
        most: likewise.

    Returns:
        As `choose_images`.
    """
    right = [each.best_fine == each.fine for each in (first, second)]
    fooled = [taxonomy.coarsen(each.best_fine) != each.coarse for each in (first, second)]
    kinds = {
        "both right": right[0] & right[1],
        "only the first right": right[0] & ~right[1],
        "only the second right": ~right[0] & right[1],
        "both fooled": fooled[0] & fooled[1],
    }
    has_label = first.fine >= 0
    return _drawn({kind: is_kind & has_label for kind, is_kind in kinds.items()}, each, seed, most)


def _drawn(
    kinds: dict[str, np.ndarray], each: int, seed: int, most: int | None
) -> dict[str, np.ndarray]:
    """Some of the images of each kind."""
    rng = np.random.default_rng(seed)
    there = {kind: np.flatnonzero(is_kind) for kind, is_kind in kinds.items() if is_kind.any()}
    chosen = {}
    for place, (kind, numbers) in enumerate(there.items()):
        count = min(each, len(numbers))
        if most is not None:
            count = min(count, most // len(there) + (place < most % len(there)))
        if count:
            chosen[kind] = np.sort(rng.choice(numbers, count, replace=False))
    return chosen
