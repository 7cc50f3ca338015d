"""Which class maps are shown."""

import numpy as np
import tensorflow as tf

from coarse2fine.training.lit import lit
from coarse2fine.training.pictures import class_map_pictures


class TwoClasses:
    """A model whose better class, by its score, has the lower map on average."""

    def __call__(self, images, training):
        assert training is False
        return {"coarse": tf.constant([[0.0, 1.0]])}

    def class_maps(self, images, training):
        """A map that rises downwards, and one, lower, that rises to the right."""
        rows, columns = np.mgrid[:4, :4]
        return {"coarse": tf.constant(np.stack([rows + 9.0, columns], axis=-1)[np.newaxis])}


def test_of_the_class_with_the_best_score():
    images = np.full((1, 4, 4, 1), 255, np.uint8)
    pictures = class_map_pictures(TwoClasses(), images, lambda x: x)
    assert pictures.shape == (1, 4, 8, 3)
    assert (pictures[0, :, :4] == 255).all()
    heat = np.tile(np.arange(4) / 3, (4, 1))
    np.testing.assert_array_equal(pictures[0, :, 4:], lit(images[0], heat))
