"""Base networks: functional models from images to the features of `ClassFeatureMap`."""

from coarse2fine.backbones.alexnet import alexnet
from coarse2fine.backbones.nin import nin
from coarse2fine.backbones.preact_resnet import preact_resnet
from coarse2fine.backbones.registry import BACKBONES, Backbone, create
from coarse2fine.backbones.wide_resnet import wide_resnet

__all__ = [
    "BACKBONES",
    "Backbone",
    "alexnet",
    "create",
    "nin",
    "preact_resnet",
    "wide_resnet",
]
