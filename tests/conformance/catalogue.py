"""Everything public, described once; the tests beside this file check every entry the same way.

A new layer, loss, metric or base network takes one `Entry` line in `ENTRIES`; a new module takes
its name in `PUBLIC_MODULES` as well.
"""

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from coarse2fine import layers, losses, metrics
from coarse2fine.backbones import BACKBONES, application

PUBLIC_MODULES = (
    "coarse2fine.backbones",
    "coarse2fine.layers",
    "coarse2fine.losses",
    "coarse2fine.metrics",
)

# Public, but neither built nor called on tensors.
NOT_CHECKED = (
    *(f"coarse2fine.backbones.{name}" for name in ("BACKBONES", "Backbone", "create", "find")),
    *(f"coarse2fine.backbones.{name}" for name in ("network_file", "network_from_json")),
    "coarse2fine.backbones.load_weights",
    "coarse2fine.metrics.average_confusion_ratio",
    "coarse2fine.metrics.coarse_confusion_ratios",
    "coarse2fine.metrics.pair_confusion_ratios",
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One way to build something public.

    Attributes:
        public: Its full name; several entries may share it.
        build: Makes the layer, loss, metric or model.
        inputs: Arguments of a call, arrays or structures of them; the first axis is the batch.
        dtype: Type of its output under the policy mixed_bfloat16.
        variant: Tells entries of one name apart.
    """

    public: str
    build: Callable[[], Any]
    inputs: tuple[Any, ...]
    dtype: str = "float32"
    variant: str = ""

    def __str__(self):
        return "-".join(filter(None, (self.public.rpartition(".")[2], self.variant)))

    @property
    def module(self):
        """The module that defines it."""
        package, _, name = self.public.rpartition(".")
        return importlib.import_module(getattr(importlib.import_module(package), name).__module__)


def _normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def _images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype("uint8")


def _layer(name, build, inputs, dtype="bfloat16", variant=""):
    return Entry(f"coarse2fine.layers.{name}", build, inputs, dtype, variant)


_PARENT = [1, 0, 3, 1, 1, 2, 0, 1, 3, 1]

LAYERS = (
    _layer(
        "ClassFeatureMap",
        lambda: layers.ClassFeatureMap(5, activation="relu"),
        (_normal(3, 4, 4, 6),),
        variant="from_maps",
    ),
    _layer(
        "ClassFeatureMap",
        lambda: layers.ClassFeatureMap(5, map_size=2),
        (_normal(3, 6),),
        variant="from_vector",
    ),
    _layer("Conv2D", lambda: layers.Conv2D(32, 3, padding="same"), (_normal(3, 2, 2, 32),)),
    _layer("GlobalAvg", layers.GlobalAvg, (_normal(3, 4, 4, 5),), dtype="float32"),
    _layer(
        "LocalResponseNorm",
        lambda: layers.LocalResponseNorm(alpha=0.5),
        (_normal(3, 4, 4, 6),),
        variant="across_channels",
    ),
    _layer(
        "LocalResponseNorm",
        lambda: layers.LocalResponseNorm(size=3, alpha=0.5, mode="within_channel"),
        (_normal(3, 4, 4, 6),),
        variant="within_channel",
    ),
    _layer("MinPoolCoarse", lambda: layers.MinPoolCoarse(_PARENT), (_normal(3, 4, 4, 10),)),
    _layer(
        "MinPoolCoarse",
        lambda: layers.MinPoolCoarse([0, 0, 1, 1]),
        (_normal(3, 4, 4, 4),),
        variant="contiguous",
    ),
    _layer("MeanPoolCoarse", lambda: layers.MeanPoolCoarse(_PARENT), (_normal(3, 4, 4, 10),)),
    _layer(
        "SoftMinPoolCoarse",
        lambda: layers.SoftMinPoolCoarse(_PARENT, temperature=0.3),
        (_normal(3, 4, 4, 10),),
    ),
    _layer(
        "LogSumExpCoarse",
        lambda: layers.LogSumExpCoarse(_PARENT),
        (_normal(3, 10),),
        dtype="float32",
    ),
    _layer("PatchWhitening", layers.PatchWhitening, (_normal(3, 5, 6, 3),), dtype="float32"),
    _layer(
        "Whitening",
        lambda: layers.Whitening(np.arange(12.0), 2 * np.eye(12)),
        (_images(3, 2, 2, 3),),
        dtype="float32",
    ),
    _layer(
        "Whitening",
        layers.Whitening,
        (_normal(3, 2, 2, 3),),
        dtype="float32",
        variant="without_statistics",
    ),
)


def _backbone(name, backbone):
    shape = (80, 80, 3) if name.endswith("_imagenet") else (32, 32, 3)
    return Entry(
        f"coarse2fine.backbones.{name}",
        lambda: backbone.build(input_shape=shape, width=0.05),
        (_normal(2, *shape),),
        dtype="bfloat16",
    )


APPLICATION = Entry(
    "coarse2fine.backbones.application",
    lambda: application("MobileNet", input_shape=(32, 32, 3)),
    (_normal(2, 32, 32, 3),),
    dtype="bfloat16",
)


LOSSES = (
    Entry(
        "coarse2fine.losses.MaskedTwoHeadedLoss",
        lambda: losses.MaskedTwoHeadedLoss(coarse_weight=0.5),
        (
            {
                "fine": np.array([3, 0, 2]),
                "coarse": np.array([1, 0, 1]),
                "has_fine": np.array([1.0, 0.0, 1.0], "float32"),
            },
            {"fine": _normal(3, 4), "coarse": _normal(3, 2)},
        ),
    ),
)

METRICS = (
    Entry(
        "coarse2fine.metrics.ConfusionMatrix",
        lambda: metrics.ConfusionMatrix(num_classes=4),
        (np.array([3, 0, 1]), _normal(3, 4)),
        dtype="int32",
    ),
    Entry(
        "coarse2fine.metrics.ParentAccuracy",
        lambda: metrics.ParentAccuracy(parent=(0, 1, 1, 0)),
        (np.array([1, 0, 1]), _normal(3, 4)),
    ),
    Entry(
        "coarse2fine.metrics.TopKAccuracy",
        lambda: metrics.TopKAccuracy(k=2),
        (np.array([3, 0, 1]), _normal(3, 4)),
    ),
)

NETWORKS = (*(_backbone(*item) for item in BACKBONES.items()), APPLICATION)

ENTRIES = (*LAYERS, *LOSSES, *METRICS, *NETWORKS)
