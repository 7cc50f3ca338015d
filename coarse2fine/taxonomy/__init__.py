"""Which fine class belongs to which coarse class."""

from coarse2fine.taxonomy.cifar import cifar10, cifar100
from coarse2fine.taxonomy.files import read_taxonomy, write_taxonomy
from coarse2fine.taxonomy.tasks import TASKS, load_taxonomy
from coarse2fine.taxonomy.taxonomy import Taxonomy

__all__ = [
    "TASKS",
    "Taxonomy",
    "cifar10",
    "cifar100",
    "load_taxonomy",
    "read_taxonomy",
    "write_taxonomy",
]
