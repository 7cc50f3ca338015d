"""Base networks by name."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from coarse2fine.backbones.alexnet import alexnet
from coarse2fine.backbones.nin import nin
from coarse2fine.backbones.preact_resnet import preact_resnet
from coarse2fine.backbones.wide_resnet import wide_resnet
from coarse2fine.errors import check_known


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A base network and what it expects around it.

    Attributes:
        build: Makes the network, from images to features.
        class_map_activation: Activation of the `ClassFeatureMap` that follows it.
    """

    build: Callable[..., keras.Model]
    class_map_activation: str | None


BACKBONES = {
    "alexnet": Backbone(alexnet, class_map_activation="relu"),
    "nin": Backbone(nin, class_map_activation="relu"),
    "preact_resnet": Backbone(preact_resnet, class_map_activation=None),
    "wide_resnet": Backbone(wide_resnet, class_map_activation=None),
}


def create(name: str, **kwargs: Any) -> keras.Model:
    """Makes the base network `name`; `kwargs` are the arguments of its `build`."""
    check_known("backbone", name, BACKBONES)
    return BACKBONES[name].build(**kwargs)
