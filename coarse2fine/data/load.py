"""Data sets by name."""

import numpy as np

from coarse2fine.data import shapes
from coarse2fine.data.source import ArraySource, Source
from coarse2fine.errors import InputError, check_known
from coarse2fine.taxonomy import Taxonomy

SHAPES_PER_CLASS = {"train": 200, "test": 100}


def load_source(
    name: str,
    split: str,
    data_dir: str | None = None,
    taxonomy: Taxonomy | None = None,
    seed: int = 0,
) -> Source:
    """A split of a data set.

    Args:
        name: `shapes`, `shapes/2x10` and the like (2 coarse classes of 10 fine ones each), or a
            TFDS image set such as `cifar100`.
        split: `train` or `test`.
        data_dir: where a TFDS set was prepared.
        taxonomy: in place of the set's own; it must name the set's fine classes.
        seed: of the drawings of `shapes`.

    Raises:
        InputError: a set that is unknown or cannot be read; a taxonomy that does not fit.
    """
    if name.split("/")[0] == "shapes":
        return _draw_shapes(name, split, taxonomy, seed)
    from coarse2fine.data.tfds_source import load_tfds  # Takes seconds to import.

    return load_tfds(name, split, data_dir, taxonomy)


def _draw_shapes(name: str, split: str, taxonomy: Taxonomy | None, seed: int) -> Source:
    check_known("split", split, SHAPES_PER_CLASS)
    num_coarse, num_fine_each = shapes.parse_name(name)
    coarse_names, fine_names, parent = shapes.class_names(num_coarse, num_fine_each)
    own = Taxonomy(fine_names, coarse_names, parent)
    taxonomy = own if taxonomy is None else taxonomy
    if taxonomy.fine_names != own.fine_names:
        raise InputError(
            f"The taxonomy does not fit {name!r}: its fine classes are "
            f"{', '.join(taxonomy.fine_names)}, expected {', '.join(own.fine_names)}."
        )
    # Test images are numbered after the largest training set, so that no id is in both.
    fine = np.repeat(np.arange(own.num_fine), SHAPES_PER_CLASS[split])
    ids = np.arange(len(fine)) + (10**9 if split == "test" else 0)
    images = shapes.draw(fine, ids, seed, num_fine_each)
    return ArraySource(images, taxonomy, fine, np.char.add(f"{split}_", ids.astype(np.str_)))
