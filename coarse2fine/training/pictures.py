"""Class maps as pictures."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from coarse2fine.model import CoarseToFine
from coarse2fine.training.lit import lit


def class_map_pictures(
    model: CoarseToFine, images: Any, preprocess: keras.layers.Layer
) -> np.ndarray:
    """Each image, and behind it the same lit by the maps of its best fine and best coarse class.

    Args:
        model: whose maps are shown.
        images: `(n, height, width, channels)` uint8, with 1 or 3 channels.
        preprocess: from these to what the model takes.

    Returns:
        `(n, height, (1 + levels) * width, 3)` float32 from 0 to 1. Where a map is greatest, the
        image is as bright as it is, and where it is least a fifth as bright.
    """
    preprocessed = preprocess(images)
    maps = model.class_maps(preprocessed, training=False)
    scores = model(preprocessed, training=False)
    images = tf.cast(images, tf.float32) / 255.0
    panels = [tf.broadcast_to(images, (*images.shape[:3], 3))]
    for level in maps:
        stack = tf.cast(maps[level], tf.float32)
        best = tf.argmax(scores[level], axis=-1)
        shown = tf.gather(stack, best, axis=-1, batch_dims=1)
        least = tf.reduce_min(shown, axis=(1, 2), keepdims=True)
        span = tf.reduce_max(shown, axis=(1, 2), keepdims=True) - least
        panels.append(lit(panels[0], tf.math.divide_no_nan(shown - least, span)))
    return tf.concat(panels, axis=2).numpy()
