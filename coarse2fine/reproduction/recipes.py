"""The recipes of both papers: Lei 2017's by backbone, Chen 2018's by task.

Those at paper scale are what the presets of the same tables hold.
"""

from typing import Any

from coarse2fine.reproduction.recipe import Recipe

_LEI: dict[str, Any] = {
    "coarse_weight": 1.0,
    "validation_fraction": 0.1,
    "batch_size": 128,
    "epochs": 55,
    "schedule": "plateau",
    "refit": True,
    "learning_rate": 0.01,
    "weight_decay": 5e-4,
}
_LEI_CIFAR100 = {
    **_LEI,
    "preprocess": "gcn_zca",
    "augment": "none",
    "fine_fraction": 0.5,
    "coarse_fraction": 0.5,
}
_LEI_ILSVRC2010 = {
    **_LEI,
    "dataset": "folder",
    "image_size": 224,
    "shorter_side": 256,
    "augment": "random_crop",
    "preprocess": "center",
}

# All arms have the same number of updates here, where the paper gives them the same passes.
_SHORT: dict[str, Any] = {
    "precision": "mixed_bfloat16",
    "validation_fraction": 0.0,
    "epochs": None,
    "schedule": "cosine",
    "warmup": 0.05,
    "refit": False,
    "learning_rate": 0.05,
}
_TINY: dict[str, Any] = {
    "preprocess": "standardize",
    "taxonomy": None,
    "image_size": None,
    "shorter_side": None,
    "augment": "none",
    "batch_size": 32,
    "schedule": "cosine",
    "milestones": (),
}
_TINY_LEI = {**_TINY, "validation_fraction": 0.0, "epochs": None, "steps": 12, "refit": False}

_CHEN: dict[str, Any] = {
    "preprocess": "standardize",
    "fine_fraction": 1.0,
    "coarse_fraction": 0.0,
    "validation_fraction": 0.0,
    "schedule": "milestones",
    "weight_decay": 5e-4,
    "track_training_accuracy": True,
    "tracked_share": 1.0,
    "track_test_accuracy": True,
}
_CHEN_CIFAR10 = {
    **_CHEN,
    "backbone": "preact_resnet",
    "augment": "crop_flip",
    "batch_size": 256,
    "epochs": 200,
    "milestones": ((0.75, 0.1),),
    "learning_rate": 0.1,
}
_CHEN_CIFAR100 = {
    **_CHEN,
    "backbone": "wide_resnet",
    "dropout": 0.3,
    "augment": "crop_flip",
    "batch_size": 128,
    "epochs": 200,
    "milestones": ((0.3, 0.2), (0.6, 0.04), (0.8, 0.008)),
    "learning_rate": 0.1,
}
_CHEN_IMAGENET = {
    **_CHEN,
    "image_size": 224,
    "backbone": "preact_resnet",
    "width": 0.25,
    "augment": "random_resized_crop",
    "batch_size": 32,
    "epochs": 225,
    "milestones": ((0.4, 0.1), (0.6, 0.01), (0.8, 0.001), (0.933333333, 0.0001)),
    "learning_rate": 0.01,
}
_QUICK_CHEN: dict[str, Any] = {
    "precision": "mixed_bfloat16",
    "backbone": "preact_resnet",
    "width": 0.25,
    "dropout": None,
    "batch_size": 128,
    "epochs": 6,
    "schedule": "onecycle",
    "milestones": (),
    "learning_rate": 0.1,
}
_QUICK_IMAGENET = {**_QUICK_CHEN, "image_size": 64, "epochs": 10}


def _lei(num_images: int, paper: dict[str, Any], smoke: str, **quick: Any) -> Recipe:
    views = 10 if paper["dataset"] == "folder" else 1
    # Built-in images are too small for the networks of ImageNet.
    tiny = {**_TINY_LEI, "dataset": "shapes/4x4", "backbone": smoke, "width": 0.1}
    return Recipe(num_images, paper, {**_SHORT, **quick}, tiny, views)


def _chen(num_images: int, paper: dict[str, Any], smoke: str, quick: dict[str, Any]) -> Recipe:
    tiny = {**_TINY, "dataset": smoke, "width": 0.1, "batch_size": 100, "epochs": 2}
    return Recipe(num_images, paper, quick, tiny)


def _cifar10(smoke: str) -> Recipe:
    return _chen(50_000, _CHEN_CIFAR10, smoke, _QUICK_CHEN)


def _cifar100(num_images: int, smoke: str) -> Recipe:
    return _chen(num_images, _CHEN_CIFAR100, smoke, _QUICK_CHEN)


def _imagenet(num_images: int, smoke: str) -> Recipe:
    return _chen(num_images, _CHEN_IMAGENET, smoke, _QUICK_IMAGENET)


_CIFAR100 = {**_LEI_CIFAR100, "dataset": "cifar100"}
_BIG = {
    "image_size": 64,
    "shorter_side": 73,
    "width": 0.5,
    "batch_size": 64,
    "steps": 15_000,
    "learning_rate": 0.01,
}

RECIPES: dict[str, Recipe] = {
    "nin": _lei(50_000, _CIFAR100, "nin", width=0.5, batch_size=64, steps=6_000),
    "alexnet": _lei(50_000, _CIFAR100, "alexnet", batch_size=64, steps=6_000),
    "nin_imagenet": _lei(487_809, _LEI_ILSVRC2010, "nin", **_BIG),
    "alexnet_imagenet": _lei(487_809, _LEI_ILSVRC2010, "alexnet", **_BIG),
    "cifar10": _cifar10("shapes/2x5"),
    **{f"cifar10_row{row}": _cifar10(f"shapes/2x{row + 1}") for row in range(1, 10)},
    "cifar10_row10": _cifar10("shapes/3x3"),
    "cifar100_5": _cifar100(12_500, "shapes/2x2"),
    "cifar100_animals": _cifar100(25_000, "shapes/3x2"),
    "cifar100_15": _cifar100(37_500, "shapes/4x2"),
    "cifar100": _cifar100(50_000, "shapes/5x2"),
    "imagenet_dog_cat": _imagenet(13_000, "shapes/2x4"),
    "imagenet_fruit_vegetable": _imagenet(22_000, "shapes/2x6"),
}
"""By what a setting changes: its taxonomy, or else its backbone."""
