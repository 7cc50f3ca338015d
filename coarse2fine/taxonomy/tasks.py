"""The classification tasks of Chen 2018, by name."""

import functools
import pathlib
from collections.abc import Callable, Iterable, Mapping

from coarse2fine.errors import InputError
from coarse2fine.taxonomy.cifar import cifar10, cifar100
from coarse2fine.taxonomy.files import read_taxonomy
from coarse2fine.taxonomy.taxonomy import Taxonomy

# Table VI: for each row the members of coarse class 0, by CIFAR-10's numbers.
_CIFAR10_ROWS = (
    (0, 1, 8, 9),
    (1, 6, 8, 9),
    (0, 1, 2, 9),
    (0, 1, 3, 5),
    (0, 1, 3, 4),
    (0, 1, 2, 8, 9),
    (0, 1, 3, 8, 9),
    (0, 2, 4, 8, 9),
    (0, 1, 3, 4, 6),
    (1, 2, 3, 4, 8),
)

# Table VIII: nested sets of CIFAR-100's coarse classes. The second is Table II's animals.
_CIFAR100_5 = (
    "aquatic_mammals",
    "large_carnivores",
    "large_omnivores_and_herbivores",
    "medium_mammals",
    "small_mammals",
)
_CIFAR100_ANIMALS = (
    *_CIFAR100_5,
    "fish",
    "insects",
    "non-insect_invertebrates",
    "people",
    "reptiles",
)
_CIFAR100_15 = (
    *_CIFAR100_ANIMALS,
    "flowers",
    "fruit_and_vegetables",
    "trees",
    "vehicles_1",
    "vehicles_2",
)

# Table II, with the synsets of the authors' code.
_DOG_CAT = {
    "dog": {
        "n02085620": "chihuahua",
        "n02085936": "maltese",
        "n02086079": "pekinese",
        "n02086910": "papillon",
        "n02088238": "basset",
    },
    "cat": {
        "n02123045": "tabby",
        "n02123159": "tiger cat",
        "n02123394": "persian",
        "n02123597": "siamese",
        "n02124075": "egyptian",
    },
}
_FRUIT_VEGETABLE = {
    "fruit": {
        "n07745940": "strawberry",
        "n07747607": "orange",
        "n07749582": "lemon",
        "n07753113": "fig",
        "n07753275": "pineapple",
        "n07753592": "banana",
        "n07754684": "jackfruit",
        "n07760859": "custard apple",
    },
    "vegetable": {
        "n07714571": "head cabbage",
        "n07714990": "broccoli",
        "n07715103": "cauliflower",
        "n07716358": "zucchini",
        "n07717556": "butternut squash",
        "n07718472": "cucumber",
        "n07718747": "artichoke",
        "n07720875": "bell pepper",
        "n07734744": "mushroom",
    },
}


def _cifar10_row(members: Iterable[int]) -> Taxonomy:
    names = cifar10().fine_names
    first = [names[f] for f in members]
    return cifar10().regroup({"0": first, "1": [name for name in names if name not in first]})


def _cifar100_subset(coarse_names: Iterable[str]) -> Taxonomy:
    return cifar100().subset(coarse_names)


def _taxonomy_of(groups: Mapping[str, Mapping[str, str]]) -> Taxonomy:
    return Taxonomy.from_pairs(
        [(fine, coarse) for coarse, members in groups.items() for fine in members.values()],
        [synset for members in groups.values() for synset in members],
    )


TASKS: dict[str, Callable[[], Taxonomy]] = {
    "cifar10": cifar10,
    **{
        f"cifar10_row{row}": functools.partial(_cifar10_row, members)
        for row, members in enumerate(_CIFAR10_ROWS, start=1)
    },
    "cifar100": cifar100,
    "cifar100_5": functools.partial(_cifar100_subset, _CIFAR100_5),
    "cifar100_animals": functools.partial(_cifar100_subset, _CIFAR100_ANIMALS),
    "cifar100_15": functools.partial(_cifar100_subset, _CIFAR100_15),
    "imagenet_dog_cat": functools.partial(_taxonomy_of, _DOG_CAT),
    "imagenet_fruit_vegetable": functools.partial(_taxonomy_of, _FRUIT_VEGETABLE),
}


def load_taxonomy(name_or_path: str | pathlib.Path) -> Taxonomy:
    """The taxonomy of a task in `TASKS`, or else the one in a file.

    Args:
        name_or_path: a key of `TASKS`, or a path that `read_taxonomy` takes.

    Raises:
        InputError: neither a task nor a file's name; or as `read_taxonomy`.

    Example:
        >>> load_taxonomy("imagenet_dog_cat").children
        ((0, 1, 2, 3, 4), (5, 6, 7, 8, 9))
    """
    name = str(name_or_path)
    if name in TASKS:
        return TASKS[name]()
    if not pathlib.Path(name).suffix:
        raise InputError(
            f"Unknown task {name!r}. Known: {', '.join(TASKS)}. A taxonomy file's name ends in "
            ".json or .csv."
        )
    return read_taxonomy(name)
