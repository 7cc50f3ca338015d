"""From the labels of a data set to the fine classes of a taxonomy."""

from collections.abc import Sequence

import numpy as np

from coarse2fine.errors import InputError, listed
from coarse2fine.taxonomy import Taxonomy

DROPPED = -2


def fine_of_label(name: str, labels: Sequence[str], taxonomy: Taxonomy) -> np.ndarray:
    """Which fine class of a taxonomy each label of a data set is.

    Args:
        name: of the data set.
        labels: names of its labels.
        taxonomy: whose source names are some of these names, in any order.

    Returns:
        `(len(labels) + 1,)` fine classes; `DROPPED` for a label that the taxonomy does not name.
        The last is -1, for TFDS's label -1.

    Raises:
        InputError: a class of the taxonomy that is no label of the set.

    Example:
        >>> pets = Taxonomy(("siamese", "persian"), ("cat",), (0, 0), ("cat-1", "cat-2"))
        >>> fine_of_label("pets", ["carp", "cat-2", "cat-1"], pets)
        array([-2,  1,  0, -1])
    """
    known = set(labels)
    classes = zip(taxonomy.fine_names, taxonomy.source_names, strict=True)
    unknown = [
        fine if fine == source else f"{source} (of fine class {fine})"
        for fine, source in classes
        if source not in known
    ]
    if unknown:
        raise InputError(
            f"The taxonomy does not fit data set {name!r}: it names {listed(unknown)}, and the "
            f"set's labels are {listed(labels)}. Rename the classes, or give their labels as "
            "source_names."
        )
    fine_of = {source: f for f, source in enumerate(taxonomy.source_names)}
    return np.array([*(fine_of.get(label, DROPPED) for label in labels), -1])


def split_dropped(
    where: str, labels: np.ndarray, names: Sequence[str], to_fine: np.ndarray
) -> tuple[np.ndarray, dict[str, int]]:
    """Parts the images whose label is a class of the taxonomy from those to leave out.

    Args:
        where: the images are, for the error.
        labels: `(n,)` labels of a data set, -1 where there is none.
        names: of its labels.
        to_fine: what `fine_of_label` gives.

    Returns:
        kept: positions of the images that stay, in rising order.
        dropped: from the name of a label to the number of its images that are left out.

    Raises:
        InputError: no image stays.
    """
    is_dropped = to_fine[labels] == DROPPED
    counts = np.bincount(labels[is_dropped], minlength=len(names))
    dropped = {name: int(count) for name, count in zip(names, counts, strict=True) if count}
    if is_dropped.all():
        raise InputError(
            f"{where} has no image of the taxonomy's classes: its labels are {listed(dropped)}."
        )
    return np.flatnonzero(~is_dropped), dropped
