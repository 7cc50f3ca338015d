"""Base networks: functional models from images to the features of `ClassFeatureMap`."""

from coarse2fine.backbones.alexnet import alexnet
from coarse2fine.backbones.nin import nin
from coarse2fine.backbones.preact_resnet import preact_resnet
from coarse2fine.backbones.registry import BACKBONES, Backbone, create

__all__ = [
    "BACKBONES",
    "Backbone",
    "alexnet",
    "create",
    "nin",
    "preact_resnet",
]
