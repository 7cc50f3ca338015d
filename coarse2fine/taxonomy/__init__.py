"""Which fine class belongs to which coarse class."""

from coarse2fine.taxonomy.cifar import cifar10, cifar100
from coarse2fine.taxonomy.files import read_taxonomy, write_taxonomy
from coarse2fine.taxonomy.taxonomy import Taxonomy

__all__ = ["Taxonomy", "cifar10", "cifar100", "read_taxonomy", "write_taxonomy"]
