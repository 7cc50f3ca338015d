"""Windows lie where the rule says, whatever the image's size."""

import math
import random
import re

import pytest

from coarse2fine.data.views import (
    CenterCrop,
    RandomCrop,
    RandomResizedCrop,
    TenCrop,
    shorter_side_of,
)
from coarse2fine.errors import InputError


def random_sizes(num, seed=0, most=3000):
    """Heights and widths from 1 up, spread evenly over their logarithms."""
    rng = random.Random(seed)
    return [
        tuple(round(math.exp(rng.uniform(0, math.log(most)))) for _ in range(2)) for _ in range(num)
    ]


def in_pixels_of_resized(window, height, width, shorter_side):
    """A window's top, left, height and width in the image whose shorter side is `shorter_side`."""
    new = [round(length * shorter_side / min(height, width)) for length in (height, width)]
    rows, columns = new[0] / height, new[1] / width
    return window.top * rows, window.left * columns, window.height * rows, window.width * columns


@pytest.mark.parametrize(
    "view", [CenterCrop(224, 256), TenCrop(32, 32), RandomCrop(60, 61), RandomResizedCrop(96)]
)
def test_windows_lie_within_the_image(view):
    rng = random.Random(1)
    for height, width in random_sizes(300):
        windows = view.windows(height, width, rng)
        assert len(windows) == view.num_windows
        for window in windows:
            assert window.height > 0
            assert window.width > 0
            assert window.top >= 0
            assert window.left >= 0
            assert window.top + window.height <= height + 1e-9 * height
            assert window.left + window.width <= width + 1e-9 * width


@pytest.mark.parametrize("view", [CenterCrop(224, 256), TenCrop(33, 37), RandomCrop(60, 100)])
def test_crops_are_whole_pixels_of_the_resized_image(view):
    rng = random.Random(2)
    for height, width in random_sizes(300):
        for window in view.windows(height, width, rng):
            place = in_pixels_of_resized(window, height, width, view.shorter_side)
            assert place == pytest.approx([round(length) for length in place], abs=1e-6)
            assert place[2:] == pytest.approx((view.size, view.size))


def test_center_crop_is_in_the_middle():
    for height, width in random_sizes(300):
        (window,) = CenterCrop(224, 256).windows(height, width, random.Random())
        top, left, _, _ = in_pixels_of_resized(window, height, width, 256)
        new = [round(length * 256 / min(height, width)) for length in (height, width)]
        assert (round(top), round(left)) == ((new[0] - 224) // 2, (new[1] - 224) // 2)
        assert not window.is_mirrored


def test_ten_crop_is_the_middle_and_the_corners_and_the_same_mirrored():
    for height, width in random_sizes(100):
        windows = TenCrop(224, 256).windows(height, width, random.Random())
        (middle,) = CenterCrop(224, 256).windows(height, width, random.Random())
        tall, wide = windows[0].height, windows[0].width
        expected = [
            (middle.top, middle.left),
            (0, 0),
            (0, width - wide),
            (height - tall, 0),
            (height - tall, width - wide),
        ]
        assert [w.is_mirrored for w in windows] == [False] * 5 + [True] * 5
        for i, (top, left) in enumerate(expected):
            for window in (windows[i], windows[i + 5]):
                tolerance = 1e-9 * max(height, width)
                assert (window.top, window.left) == pytest.approx((top, left), abs=tolerance)
                assert (window.height, window.width) == (tall, wide)


def test_random_crop_covers_every_place_evenly_and_mirrors_half():
    view, counts = RandomCrop(5, 7), {}
    rng = random.Random(3)
    for _ in range(4800):
        (window,) = view.windows(14, 20, rng)  # Resized to 7 x 10.
        top, left, _, _ = in_pixels_of_resized(window, 14, 20, 7)
        key = (round(top), round(left), window.is_mirrored)
        counts[key] = counts.get(key, 0) + 1
    places = [(t, left, m) for t in range(3) for left in range(6) for m in (False, True)]
    assert sorted(counts) == sorted(places)
    expected = 4800 / len(places)
    statistic = sum((count - expected) ** 2 / expected for count in counts.values())
    assert statistic < 66.6  # The 99.9th percentile of chi-squared at 35 degrees of freedom.


def test_random_resized_crop_keeps_its_bounds_of_area_and_shape():
    rng = random.Random(4)
    areas, shapes, mirrored = [], [], 0
    for height, width in random_sizes(2000):
        (window,) = RandomResizedCrop(32).windows(height, width, rng)
        areas.append(window.height * window.width / (height * width))
        shapes.append(window.width / window.height)
        mirrored += window.is_mirrored
        assert 3 / 4 - 1e-9 <= shapes[-1] <= 4 / 3 + 1e-9
        if 3 / 4 <= width / height <= 4 / 3:
            assert 0.08 - 1e-9 <= areas[-1] <= 1 + 1e-9
    assert min(areas) < 0.1
    assert max(areas) > 0.9
    assert min(shapes) < 0.77
    assert max(shapes) > 1.3
    assert 900 < mirrored < 1100


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(30, 3000, (0, 1480, 30, 40)), (3000, 30, (1480, 0, 40, 30))],
)
def test_random_resized_crop_of_a_strip_is_its_middle(height, width, expected):
    (window,) = RandomResizedCrop(32).windows(height, width, random.Random(5))
    assert (window.top, window.left, window.height, window.width) == pytest.approx(expected)


@pytest.mark.parametrize("view", [RandomCrop(224, 256), RandomResizedCrop(224)])
def test_the_same_random_numbers_give_the_same_window(view):
    drawn = [view.windows(300, 400, random.Random(seed)) for seed in (0, 1, 0)]
    assert drawn[0] == drawn[2] != drawn[1]


def test_the_usual_shorter_side_of_224_is_256_and_others_are_in_proportion():
    assert [shorter_side_of(size) for size in (224, 112, 32, 1)] == [256, 128, 37, 1]


@pytest.mark.parametrize("view", [CenterCrop, TenCrop, RandomCrop])
@pytest.mark.parametrize(("size", "shorter_side"), [(0, 256), (-3, 256), (257, 256)])
def test_refuses_a_crop_that_does_not_fit(view, size, shorter_side):
    message = (
        f"A crop of size {size} is asked for of images whose shorter side is {shorter_side}, "
        "expected a size from 1 to that. Change one of them."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        view(size, shorter_side)


def test_refuses_a_resized_crop_of_no_size():
    with pytest.raises(InputError, match=r"^A crop of size 0 is asked for, expected 1 or more\.$"):
        RandomResizedCrop(0)
