"""Images with a rectangle of another one, and the labels of both."""

from typing import Any

import tensorflow as tf


def cut_mix(
    images: tf.Tensor,
    labels: dict[str, tf.Tensor],
    weights: dict[str, tf.Tensor],
    share: float,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, dict[str, tf.Tensor], dict[str, tf.Tensor]]:
    """Covers a rectangle of some images with what lies there in another image of the batch.

    An image is chosen with probability `share`. The rectangle has the image's shape, and an area
    that is evenly distributed from nothing to the whole image. The labels of both images then
    count, each by the area that is seen of it: an image has two rows of labels.

    Of a batch of two images, the second with a quarter of the first, the rows are those of the
    images 0, 1, then of what covers them, 1, 0, with weights 2, 1.5, 0, .5 times their own.

    Args:
        images: `(batch, height, width, channels)`.
        labels: by level, each `(batch,)`.
        weights: of the labels, likewise, float32.
        share: of the images, 0 to 1.
        seed: `(2,)` whole numbers. The random numbers are a function of it.

    Returns:
        images: as they were given.
        labels: each `(2 * batch,)`; all images' own first, then those of what covers them.
        weights: likewise, each times twice the share of the area that its image has.

    Reference:
        Yun, Han, Oh, Chun, Choe, Yoo, "CutMix: Regularization Strategy to Train Strong Classifiers
        with Localizable Features", ICCV 2019.
    """
    # Keras's own layer cannot be compiled by XLA, which draws from no beta distribution; it never
    # covers the first row and column, and weighs by a rectangle that is not quite the one seen.
    number, height, width, _ = tf.unstack(tf.shape(images))
    chance, area, top, left, place = tf.unstack(tf.random.stateless_uniform((5, number), seed))
    other = tf.argsort(place)  # XLA has no shuffle that takes a seed.
    rows = _inside(top, tf.sqrt(area), height)
    columns = _inside(left, tf.sqrt(area), width)
    is_covered = (chance < share)[:, None, None] & rows[:, :, None] & columns[:, None, :]
    images = tf.where(is_covered[..., None], tf.gather(images, other), images)

    covered = tf.reduce_mean(tf.cast(is_covered, tf.float32), axis=(1, 2))
    factors = 2.0 * tf.concat([1.0 - covered, covered], axis=0)

    def both(values: Any) -> tf.Tensor:
        return tf.concat([values, tf.gather(values, other)], axis=0)

    return (
        images,
        {level: both(values) for level, values in labels.items()},
        {level: factors * both(values) for level, values in weights.items()},
    )


def _inside(place: tf.Tensor, share: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """`(batch, length)`: whether a pixel's middle lies in an interval of that share of the length.

    Args:
        place: `(batch,)` of the interval, from 0, at one end, to 1, at the other.
        share: `(batch,)`.
        length: in pixels.
    """
    middles = (tf.range(length, dtype=tf.float32) + 0.5) / tf.cast(length, tf.float32)
    begin = (place * (1.0 - share))[:, None]
    return (begin <= middles) & (middles < begin + share[:, None])
