"""The tasks of Chen 2018: their sizes, and who is in which coarse class."""

import itertools
import re

import pytest

from coarse2fine.errors import InputError
from coarse2fine.taxonomy import TASKS, cifar10, cifar100, load_taxonomy, write_taxonomy

# Chen 2018, Table VI: the coarse class, 0 or 1, of plane, car, bird, cat, deer, dog, frog, horse,
# ship and truck.
TABLE_VI = {
    1: "0011111100",
    2: "1011110100",
    3: "0001111110",
    4: "0010101111",
    5: "0010011111",
    6: "0001111100",
    7: "0010111100",
    8: "0101011100",
    9: "0010010111",
    10: "1000011101",
}

SIZES = {
    "cifar10": (10, [6, 4]),
    "cifar100": (100, [5] * 20),
    "cifar100_5": (25, [5] * 5),
    "cifar100_animals": (50, [5] * 10),
    "cifar100_15": (75, [5] * 15),
    "imagenet_dog_cat": (10, [5, 5]),
    "imagenet_fruit_vegetable": (17, [8, 9]),
    **{
        f"cifar10_row{row}": (10, [classes.count("0"), classes.count("1")])
        for row, classes in TABLE_VI.items()
    },
}

SYNSETS = {
    "imagenet_dog_cat": {
        "dog": "n02085620 n02085936 n02086079 n02086910 n02088238",
        "cat": "n02123045 n02123159 n02123394 n02123597 n02124075",
    },
    "imagenet_fruit_vegetable": {
        "fruit": "n07745940 n07747607 n07749582 n07753113 n07753275 n07753592 n07754684 n07760859",
        "vegetable": "n07714571 n07714990 n07715103 n07716358 n07717556 n07718472 n07718747 "
        "n07720875 n07734744",
    },
}


def check_refused(message, name):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        load_taxonomy(name)


def members(taxonomy, coarse_name, names="fine_names"):
    (k,) = [k for k, name in enumerate(taxonomy.coarse_names) if name == coarse_name]
    return [getattr(taxonomy, names)[f] for f in taxonomy.children[k]]


def test_every_task_has_the_papers_size():
    sizes = {name: make() for name, make in TASKS.items()}
    assert {
        name: (taxonomy.num_fine, list(map(len, taxonomy.children)))
        for name, taxonomy in sizes.items()
    } == SIZES


@pytest.mark.parametrize("row", TABLE_VI)
def test_a_mapping_of_cifar10_is_the_papers(row):
    taxonomy = load_taxonomy(f"cifar10_row{row}")
    assert taxonomy.coarse_names == ("0", "1")
    assert taxonomy.fine_names == cifar10().fine_names
    assert "".join(taxonomy.coarse_names[k] for k in taxonomy.parent) == TABLE_VI[row]


def test_the_first_mapping_is_vehicles_and_animals():
    assert members(load_taxonomy("cifar10_row1"), "0") == members(cifar10(), "vehicle")


def test_sets_of_cifar100_are_nested_and_keep_its_parents():
    names = ["cifar100_5", "cifar100_animals", "cifar100_15", "cifar100"]
    taxonomies = [load_taxonomy(name) for name in names]
    for smaller, larger in itertools.pairwise(taxonomies):
        assert set(smaller.coarse_names) < set(larger.coarse_names)
    for taxonomy in taxonomies:
        for coarse_name in taxonomy.coarse_names:
            assert members(taxonomy, coarse_name) == members(cifar100(), coarse_name)


def test_animals_are_the_papers():
    assert set(load_taxonomy("cifar100_animals").coarse_names) == {
        "aquatic_mammals",
        "fish",
        "insects",
        "large_carnivores",
        "large_omnivores_and_herbivores",
        "medium_mammals",
        "non-insect_invertebrates",
        "people",
        "reptiles",
        "small_mammals",
    }


def test_fifteen_coarse_classes_are_the_animals_plants_and_vehicles():
    added = set(load_taxonomy("cifar100_15").coarse_names) - set(
        load_taxonomy("cifar100_animals").coarse_names
    )
    assert added == {"flowers", "fruit_and_vegetables", "trees", "vehicles_1", "vehicles_2"}


@pytest.mark.parametrize("name", SYNSETS)
def test_classes_of_imagenet_are_found_by_their_synsets(name):
    taxonomy = load_taxonomy(name)
    for coarse_name, synsets in SYNSETS[name].items():
        assert members(taxonomy, coarse_name, "source_names") == synsets.split()
    assert not set(taxonomy.fine_names) & set(taxonomy.source_names)


def test_synsets_of_imagenet_have_the_names_that_their_tasks_give(data_dir):
    scipy_io = pytest.importorskip("scipy.io")
    path = data_dir / "hierarchy" / "ilsvrc2010_meta.mat"
    synsets = scipy_io.loadmat(str(path), squeeze_me=True)["synsets"]
    words = dict(zip(synsets["WNID"], synsets["words"], strict=True))
    known = 0
    for name in SYNSETS:
        taxonomy = load_taxonomy(name)
        for fine, synset in zip(taxonomy.fine_names, taxonomy.source_names, strict=True):
            if synset in words:
                known += 1
                assert fine in words[synset].lower()
    assert known == 24  # Maltese, papillon and basset are not in the set of 2010.


def test_a_task_is_loaded_by_its_name_and_a_file_by_its_path(tmp_path, monkeypatch):
    path = tmp_path / "own.json"
    write_taxonomy(cifar10(), path)
    assert load_taxonomy(path) == load_taxonomy(str(path)) == cifar10()
    # A file of a task's name stands behind the task.
    monkeypatch.chdir(tmp_path)
    write_taxonomy(cifar10(), tmp_path / "cifar100")
    assert load_taxonomy("cifar100") == cifar100()


def test_refuses_what_is_neither_a_task_nor_a_file():
    check_refused(
        "Unknown task 'cifar20'. Known: cifar10, cifar10_row1, cifar10_row2, cifar10_row3, "
        "cifar10_row4, cifar10_row5, cifar10_row6, cifar10_row7, cifar10_row8, cifar10_row9, "
        "cifar10_row10, cifar100, cifar100_5, cifar100_animals, cifar100_15, imagenet_dog_cat, "
        "imagenet_fruit_vegetable. A taxonomy file's name ends in .json or .csv.",
        "cifar20",
    )
    check_refused("Taxonomy a/pets.yaml ends in '.yaml', expected .json or .csv.", "a/pets.yaml")
    check_refused("Taxonomy gone.csv cannot be read: No such file or directory.", "gone.csv")
