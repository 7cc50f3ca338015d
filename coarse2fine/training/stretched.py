"""Class maps that can be compared with each other."""

import tensorflow as tf


def stretched(maps: tf.Tensor) -> tf.Tensor:
    """The maps of an image that are shown together, from 0, their least value, to 1, the greatest.

    Args:
        maps: `(n, height, width, classes)` float32: of each image those that are shown.

    Returns:
        As `maps`; all 0 for an image whose maps have one value alone.
    """
    least = tf.reduce_min(maps, axis=(1, 2, 3), keepdims=True)
    span = tf.reduce_max(maps, axis=(1, 2, 3), keepdims=True) - least
    return tf.math.divide_no_nan(maps - least, span)
