"""The taxonomies of CIFAR-10 and CIFAR-100, in the order of their published labels."""

from coarse2fine.taxonomy.taxonomy import Taxonomy

_CIFAR100 = {
    "aquatic_mammals": "beaver dolphin otter seal whale",
    "fish": "aquarium_fish flatfish ray shark trout",
    "flowers": "orchid poppy rose sunflower tulip",
    "food_containers": "bottle bowl can cup plate",
    "fruit_and_vegetables": "apple mushroom orange pear sweet_pepper",
    "household_electrical_devices": "clock keyboard lamp telephone television",
    "household_furniture": "bed chair couch table wardrobe",
    "insects": "bee beetle butterfly caterpillar cockroach",
    "large_carnivores": "bear leopard lion tiger wolf",
    "large_man-made_outdoor_things": "bridge castle house road skyscraper",
    "large_natural_outdoor_scenes": "cloud forest mountain plain sea",
    "large_omnivores_and_herbivores": "camel cattle chimpanzee elephant kangaroo",
    "medium_mammals": "fox porcupine possum raccoon skunk",
    "non-insect_invertebrates": "crab lobster snail spider worm",
    "people": "baby boy girl man woman",
    "reptiles": "crocodile dinosaur lizard snake turtle",
    "small_mammals": "hamster mouse rabbit shrew squirrel",
    "trees": "maple_tree oak_tree palm_tree pine_tree willow_tree",
    "vehicles_1": "bicycle bus motorcycle pickup_truck train",
    "vehicles_2": "lawn_mower rocket streetcar tank tractor",
}

_CIFAR10_NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()
_CIFAR10_VEHICLES = {"airplane", "automobile", "ship", "truck"}


def cifar100() -> Taxonomy:
    """The official 20 coarse classes of 5 fine ones; both levels are numbered alphabetically."""
    parent = {
        fine: coarse
        for coarse, members in enumerate(_CIFAR100.values())
        for fine in members.split()
    }
    fine_names = tuple(sorted(parent))
    return Taxonomy(fine_names, tuple(_CIFAR100), tuple(parent[name] for name in fine_names))


def cifar10() -> Taxonomy:
    """The 10 classes under animal and vehicle (Chen 2018)."""
    return Taxonomy(
        tuple(_CIFAR10_NAMES),
        ("animal", "vehicle"),
        tuple(int(name in _CIFAR10_VEHICLES) for name in _CIFAR10_NAMES),
    )
