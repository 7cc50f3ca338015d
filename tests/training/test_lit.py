"""How images are lit."""

import numpy as np
import pytest

from coarse2fine.training.lit import lit
from coarse2fine.training.stretched import stretched


def test_the_colours_are_those_of_a_well_known_map():
    matplotlib = pytest.importorskip("matplotlib", reason="the extra figures is not installed")
    heat = np.linspace(0, 1, 9)[np.newaxis]
    found = lit(np.zeros((1, 9, 3), np.uint8), heat)
    expected = 0.7 * 255 * matplotlib.colormaps["inferno"](heat)[..., :3]
    np.testing.assert_allclose(found, expected, atol=1)


def test_more_heat_is_brighter_and_the_image_shows_through():
    heat = np.linspace(0, 1, 50)[np.newaxis]
    dark, bright = (np.float32(lit(np.full((1, 50, 1), v, np.uint8), heat)) for v in (0, 200))
    luminance = dark @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance[0]) > 0).all()
    np.testing.assert_allclose(bright - dark, 60, atol=1)
    assert bright.max() <= 255


def test_the_heat_is_bilinear_between_the_middles_of_the_cells():
    image = np.full((2, 4, 3), 100, np.uint8)
    found = lit(image, np.array([[0.0, 1.0]]))
    np.testing.assert_array_equal(found, lit(image, np.tile([0, 0.25, 0.75, 1], (2, 1))))


def test_images_together_are_lit_as_each_alone():
    rng = np.random.default_rng(0)
    images, heat = rng.integers(0, 256, (3, 9, 7, 1), np.uint8), rng.random((3, 4, 2))
    alone = [lit(image, each) for image, each in zip(images, heat, strict=True)]
    np.testing.assert_array_equal(lit(images, heat), np.stack(alone))


def test_maps_of_an_image_are_stretched_together_and_those_of_others_apart():
    maps = np.zeros((3, 1, 2, 2), np.float32)
    maps[0] = [[[1, 3], [2, 5]]]
    maps[1] = 10 * maps[0] - 7
    expected = [[[0, 0.5], [0.25, 1]]]
    found = stretched(maps).numpy()
    np.testing.assert_allclose(found, [expected, expected, np.zeros((1, 2, 2))], rtol=1e-6)
