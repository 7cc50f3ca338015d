"""The images that benchmarks run on."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # It takes seconds to import.
    from coarse2fine.data import Source

# Images that preprocessing is fitted to: it costs the same whatever its statistics.
FITTED = 4096


@dataclasses.dataclass(frozen=True)
class Images:
    """CIFAR-100's training images, or random ones in their place.

    Attributes:
        data_dir: where TFDS prepared CIFAR-100; None for random images.
        num_random: how many random images.
        side: height and width of random images.
    """

    data_dir: str | None = None
    num_random: int = 50_000
    side: int = 32

    @property
    def kind(self) -> str:
        """What they are, in words."""
        if self.data_dir is not None:
            return "CIFAR-100"
        return f"random images of {self.side}x{self.side}"

    def load(self) -> "Source":
        """The images, with classes of CIFAR-100; random ones have them in turn.

        Raises:
            InputError: there is no CIFAR-100 in `data_dir`.
        """
        from coarse2fine.data import ArraySource, load_source
        from coarse2fine.taxonomy import cifar100

        if self.data_dir is not None:
            return load_source("cifar100", "train", self.data_dir)
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (self.num_random, self.side, self.side, 3), np.uint8)
        return ArraySource(images, cifar100(), np.arange(self.num_random) % 100)
