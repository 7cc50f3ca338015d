"""How images are lit."""

import numpy as np

from coarse2fine.training.lit import lit


def test_brightness_is_bilinear_between_the_middles_of_the_cells():
    result = lit(np.full((2, 4, 3), 100, np.uint8), np.array([[0.0, 1.0]]))
    expected = 100 * (0.2 + 0.8 * np.array([0, 0.25, 0.75, 1]))
    np.testing.assert_allclose(result, np.tile(expected[:, np.newaxis], (2, 1, 3)), rtol=1e-6)


def test_images_together_are_lit_as_each_alone():
    rng = np.random.default_rng(0)
    images, heat = rng.random((3, 9, 7, 1)), rng.random((3, 4, 2))
    alone = [lit(image, each) for image, each in zip(images, heat, strict=True)]
    np.testing.assert_array_equal(lit(images, heat), np.stack(alone))
