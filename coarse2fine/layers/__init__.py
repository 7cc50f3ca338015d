"""Layers between a base network and the scores of both levels."""

from coarse2fine.layers.class_feature_map import ClassFeatureMap
from coarse2fine.layers.conv2d import Conv2D
from coarse2fine.layers.global_avg import GlobalAvg
from coarse2fine.layers.local_response_norm import LocalResponseNorm
from coarse2fine.layers.log_sum_exp_coarse import LogSumExpCoarse
from coarse2fine.layers.mean_pool_coarse import MeanPoolCoarse
from coarse2fine.layers.min_pool_coarse import MinPoolCoarse
from coarse2fine.layers.patch_whitening import PatchWhitening
from coarse2fine.layers.soft_min_pool_coarse import SoftMinPoolCoarse
from coarse2fine.layers.whitening import Whitening

__all__ = [
    "ClassFeatureMap",
    "Conv2D",
    "GlobalAvg",
    "LocalResponseNorm",
    "LogSumExpCoarse",
    "MeanPoolCoarse",
    "MinPoolCoarse",
    "PatchWhitening",
    "SoftMinPoolCoarse",
    "Whitening",
]
