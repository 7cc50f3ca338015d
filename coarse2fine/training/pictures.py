"""Class maps as pictures."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from coarse2fine.model import CoarseToFine


def class_map_pictures(
    model: CoarseToFine, images: Any, preprocess: keras.layers.Layer
) -> np.ndarray:
    """Each image beside the map of its best fine class and that of its best coarse class.

    Args:
        model: whose maps are shown.
        images: `(n, height, width, channels)` uint8, with 1 or 3 channels.
        preprocess: from these to what the model takes.

    Returns:
        `(n, height, levels * width, 3)` float32 from 0 to 1. A map goes from black, its least
        value, to white, its greatest.
    """
    preprocessed = preprocess(images)
    maps = model.class_maps(preprocessed, training=False)
    scores = model(preprocessed, training=False)
    images = tf.cast(images, tf.float32) / 255.0
    panels = [tf.broadcast_to(images, (*images.shape[:3], 3))]
    for level in maps:
        stack = tf.cast(maps[level], tf.float32)
        best = tf.argmax(scores[level], axis=-1)
        shown = tf.gather(stack, best, axis=-1, batch_dims=1)[..., tf.newaxis]
        least = tf.reduce_min(shown, axis=(1, 2), keepdims=True)
        span = tf.reduce_max(shown, axis=(1, 2), keepdims=True) - least
        shown = tf.image.resize(tf.math.divide_no_nan(shown - least, span), images.shape[1:3])
        panels.append(tf.repeat(shown, 3, axis=-1))
    return tf.concat(panels, axis=2).numpy()
