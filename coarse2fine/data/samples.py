"""A few images of each coarse class."""

import dataclasses

import numpy as np

from coarse2fine.data.source import Source


@dataclasses.dataclass(frozen=True)
class Sample:
    """An image as evaluation sees it.

    Attributes:
        image: `(height, width, channels)` uint8; None where it cannot be read.
        fine_name: of its class; None where it has no fine label.
    """

    image: np.ndarray | None
    fine_name: str | None


@dataclasses.dataclass(frozen=True)
class ClassSamples:
    """Samples of a coarse class.

    Attributes:
        coarse_name: of the class.
        samples: in the taxonomy's order of fine classes, then those without a fine label.
    """

    coarse_name: str
    samples: tuple[Sample, ...]


def draw_samples(
    source: Source, num_classes: int = 12, num_each: int = 8, seed: int = 0
) -> list[ClassSamples]:
    """Draws images of each coarse class, of as many of its fine classes as possible.

    Where a class has images without a fine label, one is among them.

    Args:
        source: of the images.
        num_classes: coarse classes at most, drawn where more have images.
        num_each: images of each at most.
        seed: of what is drawn.
    """
    rng = np.random.default_rng(seed)
    present = np.flatnonzero(np.bincount(source.coarse))
    if len(present) > num_classes:
        present = np.sort(rng.choice(present, num_classes, replace=False))
    drawn = []
    for coarse in present.tolist():
        members = rng.permutation(np.flatnonzero(source.coarse == coarse))
        chosen = members[_choose(source.fine[members], num_each, rng)]
        samples = (Sample(_image(source, i), _fine_name(source, i)) for i in chosen.tolist())
        drawn.append(ClassSamples(source.taxonomy.coarse_names[coarse], tuple(samples)))
    return drawn


def _choose(fine: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Positions of `count` labels, from each class in turn and -1 first; -1 last as returned."""
    labels, label = np.unique(fine, return_inverse=True)
    order = np.argsort(label, kind="stable")
    starts = np.searchsorted(label[order], np.arange(len(labels)))
    turn = np.empty(len(fine), np.int64)  # How many of the same label stand before.
    turn[order] = np.arange(len(fine)) - starts[label[order]]
    rank = np.where(labels < 0, -1, rng.permutation(len(labels)))
    chosen = np.lexsort((rank[label], turn))[:count]
    return chosen[np.lexsort((fine[chosen], fine[chosen] < 0))]


def _image(source: Source, index: int) -> np.ndarray | None:
    try:
        return next(source.chunks(np.array([index])))[0]
    except Exception:  # As of `survey`: a library that reads records may raise anything.
        return None


def _fine_name(source: Source, index: int) -> str | None:
    fine = int(source.fine[index])
    return source.taxonomy.fine_names[fine] if fine >= 0 else None
