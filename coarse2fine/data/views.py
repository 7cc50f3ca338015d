"""How an image of any size becomes one of the network's: which window of it is seen."""

import dataclasses
import math
import random
from collections.abc import Callable, Sequence
from typing import Protocol

from coarse2fine.errors import InputError

_ATTEMPTS = 10

_Place = Callable[[int], int]


@dataclasses.dataclass(frozen=True)
class Window:
    """A part of an image, in its pixels, that is resized to the network's size.

    Attributes:
        top: distance from the image's upper edge.
        left: distance from its left edge.
        height: of the part.
        width: of the part.
        is_mirrored: whether left and right are exchanged.
    """

    top: float
    left: float
    height: float
    width: float
    is_mirrored: bool = False


class View(Protocol):
    """From an image's size to the windows that are seen of it."""

    @property
    def size(self) -> int:
        """Height and width that each window is resized to."""

    @property
    def num_windows(self) -> int:
        """How many windows an image gives."""

    def windows(self, height: int, width: int, rng: random.Random) -> Sequence[Window]:
        """The windows of an image of this size; what is random about them comes from `rng`."""


def shorter_side_of(size: int) -> int:
    """To what the shorter side is resized before a crop of `size`: 256 for 224, as is usual."""
    return round(size * 256 / 224)


def resized_size(height: int, width: int, shorter_side: int) -> tuple[int, int]:
    """Height and width, in whole pixels, of an image whose shorter side has been resized."""
    ratio = shorter_side / min(height, width)
    return round(height * ratio), round(width * ratio)


@dataclasses.dataclass(frozen=True)
class ResizedView:
    """The base of crops of the image whose shorter side has been resized.

    Resizing keeps the image's shape but for less than a pixel: both sides become whole numbers, so
    that the window is the one that resizing the image and then cutting whole pixels out would give.

    Attributes:
        size: height and width of a crop.
        shorter_side: of the resized image.

    Raises:
        InputError: a crop larger than that.
    """

    size: int
    shorter_side: int
    num_windows = 1

    def __post_init__(self) -> None:
        if not 1 <= self.size <= self.shorter_side:
            raise InputError(
                f"A crop of size {self.size} is asked for of images whose shorter side is "
                f"{self.shorter_side}, expected a size from 1 to that. Change one of them."
            )

    def _crop(self, height: int, width: int, down: _Place, right: _Place) -> Window:
        """The crop whose place, from 0 to the room for it, `down` and `right` choose."""
        new_height, new_width = resized_size(height, width, self.shorter_side)
        row, column = height / new_height, width / new_width  # How large a new pixel was.
        return Window(
            down(new_height - self.size) * row,
            right(new_width - self.size) * column,
            self.size * row,
            self.size * column,
        )


@dataclasses.dataclass(frozen=True)
class CenterCrop(ResizedView):
    """The middle of the image whose shorter side has been resized.

    Example:
        >>> CenterCrop(224, 256).windows(512, 1024, random.Random())
        [Window(top=32.0, left=288.0, height=448.0, width=448.0, is_mirrored=False)]
    """

    def windows(self, height: int, width: int, rng: random.Random) -> Sequence[Window]:
        """One window."""
        return [self._crop(height, width, _middle, _middle)]


@dataclasses.dataclass(frozen=True)
class TenCrop(ResizedView):
    """The middle and the four corners, each as it is and mirrored.

    Reference:
        Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural
        Networks", NIPS 2012, section 4.1.
    """

    num_windows = 10

    def windows(self, height: int, width: int, rng: random.Random) -> Sequence[Window]:
        """Ten windows: five, then the same mirrored."""
        corners = [(down, right) for down in (_first, _last) for right in (_first, _last)]
        places = [(_middle, _middle), *corners]
        crops = [self._crop(height, width, *place) for place in places]
        return [*crops, *(dataclasses.replace(crop, is_mirrored=True) for crop in crops)]


@dataclasses.dataclass(frozen=True)
class RandomCrop(ResizedView):
    """A random crop of the image whose shorter side has been resized, mirrored half of the time."""

    def windows(self, height: int, width: int, rng: random.Random) -> Sequence[Window]:
        """One window."""

        def place(room: int) -> int:
            return int(rng.random() * (room + 1))

        crop = self._crop(height, width, place, place)
        return [dataclasses.replace(crop, is_mirrored=rng.random() < 0.5)]


@dataclasses.dataclass(frozen=True)
class RandomResizedCrop:
    """A window of random area and shape, resized, mirrored half of the time.

    Its area is from 8 to 100 % of the image's, its width from 3/4 to 4/3 of its height. Where ten
    drawings do not fit, it is the largest window in the middle whose shape is within those bounds.

    Attributes:
        size: height and width after resizing.

    Raises:
        InputError: a size of none.

    Reference:
        Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, section 6.
    """

    size: int
    num_windows = 1

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InputError(f"A crop of size {self.size} is asked for, expected 1 or more.")

    def windows(self, height: int, width: int, rng: random.Random) -> Sequence[Window]:
        """One window."""
        is_mirrored = rng.random() < 0.5
        for _ in range(_ATTEMPTS):
            area = height * width * rng.uniform(0.08, 1.0)
            shape = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
            part_width, part_height = math.sqrt(area * shape), math.sqrt(area / shape)
            if part_width <= width and part_height <= height:
                top = rng.uniform(0, height - part_height)
                left = rng.uniform(0, width - part_width)
                return [Window(top, left, part_height, part_width, is_mirrored)]
        part_width = min(width, height * 4 / 3)
        part_height = min(height, width * 4 / 3)
        top, left = (height - part_height) / 2, (width - part_width) / 2
        return [Window(top, left, part_height, part_width, is_mirrored)]


def _first(room: int) -> int:
    return 0


def _middle(room: int) -> int:
    return room // 2


def _last(room: int) -> int:
    return room
