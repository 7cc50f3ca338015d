"""Base networks by name."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras

from coarse2fine.backbones.alexnet import alexnet
from coarse2fine.backbones.alexnet_imagenet import alexnet_imagenet
from coarse2fine.backbones.applications import PREFIX, application, check_application
from coarse2fine.backbones.fastnet import fastnet
from coarse2fine.backbones.network_file import SUFFIX, network_file
from coarse2fine.backbones.nin import nin
from coarse2fine.backbones.nin_imagenet import nin_imagenet
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
    "alexnet_imagenet": Backbone(alexnet_imagenet, class_map_activation="relu"),
    "fastnet": Backbone(fastnet, class_map_activation=None),
    "nin": Backbone(nin, class_map_activation="relu"),
    "nin_imagenet": Backbone(nin_imagenet, class_map_activation="relu"),
    "preact_resnet": Backbone(preact_resnet, class_map_activation=None),
    "wide_resnet": Backbone(wide_resnet, class_map_activation=None),
}


def find(name: str) -> Backbone:
    """The base network of that name.

    Args:
        name: a key of `BACKBONES`; `keras.applications.` and the name of one of its networks; or
            the path of a `.keras` file.

    Raises:
        InputError: an unknown name.
    """
    if name.startswith(PREFIX):
        network = name.removeprefix(PREFIX)
        check_application(network)
        return Backbone(functools.partial(application, network), class_map_activation=None)
    if name.endswith(SUFFIX):
        return Backbone(functools.partial(network_file, name), class_map_activation=None)
    check_known("backbone", name, [*BACKBONES, f"{PREFIX}<network>", f"<file>{SUFFIX}"])
    return BACKBONES[name]


def create(name: str, **kwargs: Any) -> keras.Model:
    """Makes the base network that `find` finds; `kwargs` are the arguments of its `build`."""
    return find(name).build(**kwargs)
