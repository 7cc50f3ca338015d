"""What training changes about an image, as pure functions of batch and random numbers."""

from collections.abc import Callable

import tensorflow as tf

RandomIntegers = Callable[[int, int], tf.Tensor]


def crop_flip(images: tf.Tensor, random_integers: RandomIntegers, pad: int = 4) -> tf.Tensor:
    """Pads with zeros, crops at a random place to the old size, and mirrors half of the images.

    Args:
        images: `(batch, height, width, channels)`, preprocessed, so that zero is the mean.
        random_integers: `(draw, count) -> (batch,)`, as `Schedule.random_integers`.
        pad: pixels added on each side.

    Returns:
        As `images`.
    """
    height, width = images.shape[1:3]
    padded = tf.pad(images, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
    rows = random_integers(0, 2 * pad + 1)[:, None] + tf.range(height, dtype=tf.int64)
    columns = random_integers(1, 2 * pad + 1)[:, None] + tf.range(width, dtype=tf.int64)
    mirrored = random_integers(2, 2)[:, None] == 1
    columns = tf.where(mirrored, tf.reverse(columns, [1]), columns)
    return tf.gather(tf.gather(padded, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)


AUGMENTATIONS: dict[str, Callable[[tf.Tensor, RandomIntegers], tf.Tensor]] = {
    "none": lambda images, random_integers: images,
    "crop_flip": crop_flip,
}
