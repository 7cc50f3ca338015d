"""Data sets by name."""

import numpy as np

from coarse2fine.data import shapes
from coarse2fine.data.labels import fine_of_label, split_dropped
from coarse2fine.data.source import GIVEN, ArraySource, Source
from coarse2fine.errors import InputError, check_known
from coarse2fine.taxonomy import Taxonomy

SHAPES_PER_CLASS = {"train": 200, "test": 100}


def load_source(
    name: str,
    split: str,
    data_dir: str | None = None,
    taxonomy: Taxonomy | None = None,
    seed: int = 0,
    image_size: int | None = None,
) -> Source:
    """A split of a data set.

    Args:
        name: `shapes`, `shapes/2x10` and the like (2 coarse classes of 10 fine ones each), or a
            TFDS image set such as `cifar100`.
        split: `train` or `test`.
        data_dir: where a TFDS set was prepared.
        taxonomy: in place of the set's own. Its source names are labels of the set; images of
            labels that it does not name are left out, and counted in `Source.dropped`.
        seed: of the drawings of `shapes`.
        image_size: height and width that a TFDS set's images are resized to.

    Raises:
        InputError: a set that is unknown or cannot be read; a taxonomy that does not fit.
    """
    if name == GIVEN:
        raise InputError("The images of this run were given in Python: give them as source=...")
    if name.split("/")[0] == "shapes":
        source = _draw_shapes(name, split, taxonomy, seed)
    else:
        from coarse2fine.data.tfds_source import load_tfds  # Takes seconds to import.

        source = load_tfds(name, split, data_dir, taxonomy, image_size)
    source.dataset = name
    return source


def _draw_shapes(name: str, split: str, taxonomy: Taxonomy | None, seed: int) -> Source:
    check_known("split", split, SHAPES_PER_CLASS)
    num_coarse, num_fine_each = shapes.parse_name(name)
    coarse_names, fine_names, parent = shapes.class_names(num_coarse, num_fine_each)
    taxonomy = Taxonomy(fine_names, coarse_names, parent) if taxonomy is None else taxonomy
    to_fine = fine_of_label(name, fine_names, taxonomy)
    labels = np.repeat(np.arange(len(fine_names)), SHAPES_PER_CLASS[split])
    kept, dropped = split_dropped(f"Data set {name!r}", labels, fine_names, to_fine)
    # Test images are numbered after the largest training set, so that no id is in both.
    ids = kept + (10**9 if split == "test" else 0)
    images = shapes.draw(labels[kept], ids, seed, num_fine_each)
    named = np.char.add(f"{split}_", ids.astype(np.str_))
    source = ArraySource(images, taxonomy, to_fine[labels[kept]], named)
    source.dropped = dropped
    return source
