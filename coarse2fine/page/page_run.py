"""What a page shows of one run."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from coarse2fine.evaluation.advice import Advice
from coarse2fine.evaluation.class_maps import ImageMaps
from coarse2fine.evaluation.decisions import Decisions
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config


@dataclasses.dataclass(frozen=True)
class Confused:
    """Two siblings and images that were taken for the other.

    Attributes:
        names: of the two fine classes.
        share: of their test images that are named as the other.
        images: some of these, `(height, width, channels)` uint8, each with the name of its class.
    """

    names: tuple[str, str]
    share: float
    images: tuple[tuple[np.ndarray, str], ...]


@dataclasses.dataclass(frozen=True)
class PageRun:
    """A run as far as it is: what is not there yet is None or empty.

    Attributes:
        name: what to call it.
        path: its workdir.
        config: its resolved config.
        taxonomy: of its classes.
        data: what its training images are, as in `data.json`.
        metrics: of each epoch so far.
        cost: `steps`, `images_seen` and `seconds` that it took so far, its search included.
        report: of the test set.
        decisions: on the test set.
        confused: the hardest sibling pairs.
        maps: class maps by outcome.
        advice: on finer labels.
        notes: what is missing, and how to get it.
    """

    name: str
    path: pathlib.Path
    config: Config
    taxonomy: Taxonomy
    data: dict[str, Any]
    metrics: list[dict[str, float]]
    cost: dict[str, float]
    report: dict[str, Any] | None = None
    decisions: Decisions | None = None
    confused: tuple[Confused, ...] = ()
    maps: dict[str, list[ImageMaps]] = dataclasses.field(default_factory=dict)
    advice: Advice | None = None
    notes: tuple[str, ...] = ()

    @property
    def step(self) -> int:
        """Updates behind it."""
        return int(self.metrics[-1]["step"]) if self.metrics else 0

    @property
    def is_finished(self) -> bool:
        """Whether all its updates have been made."""
        return self.step == self.config.steps

    @property
    def evaluated_after(self) -> str | None:
        """The updates behind the weights that were evaluated, in words."""
        if self.report is None:
            return None
        text = f"{self.report['step']:,} of {self.config.steps:,} updates"
        is_newest = self.report["step"] == self.config.steps
        return text if is_newest else f"{text}: the best checkpoint, by validation accuracy"

    @property
    def views(self) -> int | None:
        """Of each test image, in which it was evaluated."""
        return None if self.report is None else self.report["views"]
