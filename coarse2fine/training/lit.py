"""Images, lit where a class was seen."""

import numpy as np
import tensorflow as tf

_DARKEST = 0.2


def lit(image: tf.Tensor | np.ndarray, heat: tf.Tensor | np.ndarray) -> tf.Tensor:
    """An image that is as bright as it is where a class was seen, and elsewhere dark.

    Between the middles of its cells the heat is bilinear.

    Args:
        image: `(height, width, channels)`; or `(n, height, width, channels)`, n of them.
        heat: `(rows, columns)`, or `(n, rows, columns)`, from 0, where a fifth of the brightness
            stays, to 1, where all of it does.

    Returns:
        As `image`, float32.
    """
    image = tf.cast(image, tf.float32)
    heat = tf.image.resize(tf.cast(heat, tf.float32)[..., tf.newaxis], image.shape[-3:-1])
    return image * (_DARKEST + (1 - _DARKEST) * heat)
