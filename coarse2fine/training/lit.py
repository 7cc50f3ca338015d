"""Images in the colours of where a class was seen."""

import numpy as np
import tensorflow as tf

# matplotlib's inferno at equal distances: from black over violet and orange to a pale yellow.
_COLOURS = (
    (0, 0, 4),
    (33, 12, 74),
    (87, 16, 110),
    (138, 34, 106),
    (188, 55, 84),
    (228, 90, 49),
    (249, 142, 9),
    (249, 203, 53),
    (252, 255, 164),
)
_OF_IMAGE = 0.3  # The rest is of the colours.


def lit(image: tf.Tensor | np.ndarray, heat: tf.Tensor | np.ndarray) -> tf.Tensor:
    """An image that is bright where a class was seen, and elsewhere dark.

    Through colours of the heat the image shows. Between the middles of its cells the heat is
    bilinear.

    Args:
        image: `(height, width, channels)` uint8 with 1 or 3 channels; or
            `(n, height, width, channels)`, n of them.
        heat: `(rows, columns)`, or `(n, rows, columns)`, from 0, which is black, over violet, red
            and orange to 1, which is yellow.

    Returns:
        `(height, width, 3)`, or `(n, height, width, 3)`, uint8.
    """
    heat = tf.image.resize(tf.cast(heat, tf.float32)[..., tf.newaxis], image.shape[-3:-1])
    place = tf.clip_by_value(heat, 0.0, 1.0) * (len(_COLOURS) - 1)
    # Linear between two: of a place at 2.75 a quarter is of colour 2, the rest of colour 3.
    weights = tf.nn.relu(1 - tf.abs(place - tf.range(len(_COLOURS), dtype=tf.float32)))
    colours = tf.linalg.matmul(weights, tf.constant(_COLOURS, tf.float32))
    mixed = _OF_IMAGE * tf.cast(image, tf.float32) + (1 - _OF_IMAGE) * colours
    return tf.cast(tf.round(mixed), tf.uint8)
