"""Classes by the nearest mean of their features, with mixed labels."""

import numpy as np

from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy

_ROUNDS = 20
_CHUNK = 4096  # Features whose distances are held at a time.


def fit_class_means(
    features: np.ndarray, fine: np.ndarray, coarse: np.ndarray, taxonomy: Taxonomy
) -> np.ndarray:
    """The mean of each fine class's features, where some have a coarse label alone.

    Those take part with the nearest mean among the children of their coarse class. Means and
    choices are made in turn, as in k-means, until no choice changes or 20 times::

        mean[f] = average of the features labelled f, and of those without that chose f
        choice of a coarse-only feature x of class c = argmin over children f of c of |x - mean[f]|

    It is the idea of Ristin 2015, whose forests are of such classifiers on bags of words, each on
    some of the classes; here there is one of all classes, on features that are given.

    Args:
        features: `(n, channels)`.
        fine: `(n,)` fine labels; -1 where the coarse one alone is known. Each class has one.
        coarse: `(n,)` coarse labels.
        taxonomy: of the classes.

    Returns:
        `(num_fine, channels)` float64.

    Raises:
        InputError: a fine class without a labelled feature.

    Example:
        >>> pets = Taxonomy(("siamese", "persian"), ("cat",), (0, 0))
        >>> fit_class_means(np.array([[0.0], [4.0], [5.0]]), np.array([0, 1, -1]), np.zeros(3, int),
        ...     pets).tolist()
        [[0.0], [4.5]]

    Reference:
        Ristin, Gall, Guillaumin, Van Gool, "From categories to subcategories: large-scale image
        classification with partial class label refinement", CVPR 2015.
    """
    features = np.asarray(features, np.float64)
    counts = np.bincount(fine[fine >= 0], minlength=taxonomy.num_fine)
    if not counts.all():
        names = [taxonomy.fine_names[f] for f in np.flatnonzero(counts == 0)]
        raise InputError(f"No feature is labelled {names[0]}, and its mean is of such features.")
    chosen = np.array(fine)
    means = _means(features, chosen, taxonomy.num_fine)
    for _ in range(_ROUNDS):
        before = chosen.copy()
        for parent, children in enumerate(taxonomy.children):
            is_open = (fine < 0) & (coarse == parent)
            nearest = nearest_class_means(features[is_open], means[list(children)])
            chosen[is_open] = np.asarray(children)[nearest]
        if (chosen == before).all():
            break
        means = _means(features, chosen, taxonomy.num_fine)
    return means


def nearest_class_means(features: np.ndarray, means: np.ndarray) -> np.ndarray:
    """`(n,)`: the row of `means` that is nearest to each of `(n, channels)` features."""
    squares = (means**2).sum(-1)
    return np.concatenate(
        [
            np.argmin(squares - 2 * features[i : i + _CHUNK] @ means.T, axis=-1)
            for i in range(0, max(1, len(features)), _CHUNK)
        ]
    )


def _means(features: np.ndarray, classes: np.ndarray, num_classes: int) -> np.ndarray:
    """Of the features that have a class."""
    has_class = classes >= 0
    order = np.argsort(classes[has_class], kind="stable")
    starts = np.searchsorted(classes[has_class][order], np.arange(num_classes))
    counts = np.bincount(classes[has_class], minlength=num_classes)
    return np.add.reduceat(features[has_class][order], starts, axis=0) / counts[:, None]
