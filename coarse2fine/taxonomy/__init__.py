"""Which fine class belongs to which coarse class."""

from coarse2fine.taxonomy.cifar import cifar10, cifar100
from coarse2fine.taxonomy.cuts import cut_at_depth, cut_into
from coarse2fine.taxonomy.files import check_new_taxonomy_file, read_taxonomy, write_taxonomy
from coarse2fine.taxonomy.ilsvrc2010 import ilsvrc2010, ilsvrc2010_image_counts
from coarse2fine.taxonomy.is_a import IsA
from coarse2fine.taxonomy.named_synsets import coarse_from_synsets
from coarse2fine.taxonomy.size_text import size_text
from coarse2fine.taxonomy.synset_files import (
    parse_synsets,
    read_is_a,
    read_synset_names,
    read_synsets,
)
from coarse2fine.taxonomy.tasks import TASKS, load_taxonomy
from coarse2fine.taxonomy.taxonomy import Taxonomy

__all__ = [
    "TASKS",
    "IsA",
    "Taxonomy",
    "check_new_taxonomy_file",
    "cifar10",
    "cifar100",
    "coarse_from_synsets",
    "cut_at_depth",
    "cut_into",
    "ilsvrc2010",
    "ilsvrc2010_image_counts",
    "load_taxonomy",
    "parse_synsets",
    "read_is_a",
    "read_synset_names",
    "read_synsets",
    "read_taxonomy",
    "size_text",
    "write_taxonomy",
]
