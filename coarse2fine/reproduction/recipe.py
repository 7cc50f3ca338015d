"""How the runs of one task are made at each scale."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from coarse2fine.data import shapes
from coarse2fine.data.load import SHAPES_PER_CLASS
from coarse2fine.training import Config

SCALES = {
    "smoke": "built-in images and tiny networks for some updates: shows that everything works",
    "quick": "the papers' images, fewer passes and most networks narrower: hours on a CPU",
    "paper": "as published",
}
"""What each scale is."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How the runs on one task are made.

    Attributes:
        num_images: training images of the task.
        paper: values of the config as published.
        quick: what stands in place of them at that scale.
        smoke: likewise; its `dataset` is a built-in one.
        views: of each test image, but for built-in ones.
    """

    num_images: int
    paper: Mapping[str, Any]
    quick: Mapping[str, Any]
    smoke: Mapping[str, Any]
    views: int = 1

    def config(self, scale: str) -> Config:
        """The config at a scale; settings of an experiment change more of it."""
        return Config(**{**self.paper, **self.changes(scale)})

    def changes(self, scale: str) -> Mapping[str, Any]:
        """What a scale sets, whatever the paper or a setting of it says."""
        return {"smoke": self.smoke, "quick": self.quick, "paper": {}}[scale]

    def views_at(self, scale: str) -> int:
        """Of each test image."""
        return 1 if scale == "smoke" else self.views

    def images_at(self, scale: str) -> int:
        """Training images."""
        if scale != "smoke":
            return self.num_images
        num_coarse, num_fine_each = shapes.parse_name(self.smoke["dataset"])
        return num_coarse * num_fine_each * SHAPES_PER_CLASS["train"]
