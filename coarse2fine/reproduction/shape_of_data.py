"""How many classes and pixels a config's data have, without the data."""

from coarse2fine.data import shapes
from coarse2fine.taxonomy import Taxonomy, cifar100, load_taxonomy
from coarse2fine.training import Config

# Of Lei 2017's subset of ILSVRC2010, whose taxonomy is in a file.
_ILSVRC2010 = (387, 143)


def taxonomy_of(config: Config) -> Taxonomy:
    """A taxonomy of as many classes as a config's data have; its own where that is known here."""
    if config.taxonomy is not None:
        return load_taxonomy(config.taxonomy)
    if config.dataset.startswith("shapes"):
        coarse_names, fine_names, parent = shapes.class_names(*shapes.parse_name(config.dataset))
        return Taxonomy(fine_names, coarse_names, parent)
    if config.dataset == "cifar100":
        return cifar100()
    num_fine, num_coarse = _ILSVRC2010
    names = (
        tuple(f"{kind}{i}" for i in range(n)) for kind, n in (("f", num_fine), ("c", num_coarse))
    )
    fine_names, coarse_names = names
    return Taxonomy(fine_names, coarse_names, tuple(f % num_coarse for f in range(num_fine)))


def image_shape_of(config: Config) -> tuple[int, int, int]:
    """`(height, width, channels)` of a config's images."""
    side = config.image_size or shapes.SIZE  # CIFAR's are as large.
    return side, side, 3
