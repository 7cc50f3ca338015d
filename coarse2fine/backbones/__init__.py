"""Base networks: functional models from images to the features of `ClassFeatureMap`."""

from coarse2fine.backbones.alexnet import alexnet
from coarse2fine.backbones.alexnet_imagenet import alexnet_imagenet
from coarse2fine.backbones.applications import application
from coarse2fine.backbones.fastnet import fastnet
from coarse2fine.backbones.network_file import load_weights, network_file, network_from_json
from coarse2fine.backbones.nin import nin
from coarse2fine.backbones.nin_imagenet import nin_imagenet
from coarse2fine.backbones.preact_resnet import preact_resnet
from coarse2fine.backbones.registry import BACKBONES, Backbone, create, find
from coarse2fine.backbones.wide_resnet import wide_resnet

__all__ = [
    "BACKBONES",
    "Backbone",
    "alexnet",
    "alexnet_imagenet",
    "application",
    "create",
    "fastnet",
    "find",
    "load_weights",
    "network_file",
    "network_from_json",
    "nin",
    "nin_imagenet",
    "preact_resnet",
    "wide_resnet",
]
