"""Class maps as pictures."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from coarse2fine.model import CoarseToFine
from coarse2fine.training.lit import lit
from coarse2fine.training.stretched import stretched


def class_map_pictures(
    model: CoarseToFine, images: Any, preprocess: keras.layers.Layer
) -> np.ndarray:
    """Each image, and behind it the same lit by the maps of its best fine and best coarse class.

    Args:
        model: whose maps are shown.
        images: `(n, height, width, channels)` uint8, with 1 or 3 channels.
        preprocess: from these to what the model takes.

    Returns:
        `(n, height, (1 + levels) * width, 3)` uint8; a map's colours are those of `lit`, from its
        least value to its greatest.
    """
    preprocessed = preprocess(images)
    maps = model.class_maps(preprocessed, training=False)
    scores = model(preprocessed, training=False)
    panels = [tf.broadcast_to(tf.constant(images), (*images.shape[:3], 3))]
    for level in maps:
        stack = tf.cast(maps[level], tf.float32)
        best = tf.argmax(scores[level], axis=-1)
        shown = tf.gather(stack, best[:, tf.newaxis], axis=-1, batch_dims=1)
        panels.append(lit(images, stretched(shown)[..., 0]))
    return tf.concat(panels, axis=2).numpy()
