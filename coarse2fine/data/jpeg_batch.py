"""Many JPEGs in one operation."""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from coarse2fine.data.decoding import placement, window_part
from coarse2fine.data.image_header import ImageHeader
from coarse2fine.data.views import Window


def decode_jpegs(
    encoded: Sequence[bytes],
    headers: Sequence[ImageHeader],
    windows: Sequence[Window],
    size: int,
    channels: int = 3,
) -> np.ndarray:
    """Decodes a window of each of some JPEGs: the pixels of `decode_windows`, sooner.

    The images are made one after the other in one graph; image by image, a quarter of the time
    would go to Python.

    Args:
        encoded: bytes of the images.
        headers: what `read_image_header` gives of each.
        windows: one of each image.
        size: height and width of the result.
        channels: 3, or 1 for grey.

    Returns:
        `(len(windows), size, size, channels)` uint8.

    Raises:
        tf.errors.InvalidArgumentError: one of them cannot be decoded.
    """
    crops, scales, translations = [], [], []
    for header, window in zip(headers, windows, strict=True):
        top, left, bottom, right = window_part([window], header, size)
        crops.append((top, left, bottom - top, right - left))
        scale, translation = placement(window, top, left, size, size)
        scales.append(scale)
        translations.append(translation)
    # The graph goes to a GPU where there is one.
    with tf.device("CPU"):
        images = _graph(size, channels)(
            tf.constant(encoded, tf.string),
            np.array(crops, np.int32),
            np.array(scales),
            np.array(translations),
            np.array([window.is_mirrored for window in windows]),
        )
    return images.numpy()


@functools.cache
def _graph(size: int, channels: int) -> Callable[..., tf.Tensor]:
    def image(arguments: tuple[tf.Tensor, ...]) -> tf.Tensor:
        encoded, crop, scale, translation, is_mirrored = arguments
        part = tf.io.decode_and_crop_jpeg(encoded, crop, channels=channels)
        resized = tf.raw_ops.ScaleAndTranslate(
            images=tf.expand_dims(part, 0),
            size=[size, size],
            scale=scale,
            translation=translation,
            kernel_type="triangle",
            antialias=True,
        )
        pixels = tf.cast(tf.round(resized[0]), tf.uint8)
        pixels = tf.cond(is_mirrored, lambda: tf.reverse(pixels, [1]), lambda: pixels)
        return tf.ensure_shape(pixels, (size, size, channels))

    @tf.function(
        input_signature=[
            tf.TensorSpec((None,), tf.string),
            tf.TensorSpec((None, 4), tf.int32),
            tf.TensorSpec((None, 2), tf.float32),
            tf.TensorSpec((None, 2), tf.float32),
            tf.TensorSpec((None,), tf.bool),
        ],
        autograph=False,
    )
    def graph(*arguments: tf.Tensor) -> tf.Tensor:
        # Calls run side by side already.
        return tf.map_fn(image, arguments, fn_output_signature=tf.uint8, parallel_iterations=1)

    return graph
