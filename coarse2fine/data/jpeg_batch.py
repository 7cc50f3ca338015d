"""JPEGs decoded in a graph, side by side."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from coarse2fine.data.decoding import placement, window_part
from coarse2fine.data.image_header import ImageHeader
from coarse2fine.data.views import Window


class JpegPart(NamedTuple):
    """The part of a JPEG that a window needs, and how the window lies in it.

    Attributes:
        encoded: the image's bytes.
        crop: of it, `(top, left, height, width)`.
        scale: `(2,)` float32, as `placement` gives it.
        translation: likewise.
        is_mirrored: as of the window.
    """

    encoded: bytes
    crop: tuple[int, int, int, int]
    scale: np.ndarray
    translation: np.ndarray
    is_mirrored: bool

    @classmethod
    def of(cls, encoded: bytes, header: ImageHeader, window: Window, size: int) -> "JpegPart":
        """The part for a window that takes `size` x `size` pixels."""
        top, left, bottom, right = window_part([window], header, size)
        scale, translation = placement(window, top, left, size, size)
        crop = (top, left, bottom - top, right - left)
        return cls(encoded, crop, scale, translation, window.is_mirrored)


TYPES = (tf.string, tf.int32, tf.float32, tf.float32, tf.bool)
"""Of the columns that `columns_of` gives."""

_NOTHING = JpegPart(b"", (0, 0, 0, 0), np.zeros(2, np.float32), np.zeros(2, np.float32), False)


def columns_of(parts: Sequence[JpegPart | None]) -> tuple[np.ndarray, ...]:
    """For each field an array of the parts' values; anything where there is no part."""
    columns = zip(*(part or _NOTHING for part in parts), strict=True)
    return tuple(
        np.array(column, kind.as_numpy_dtype) for column, kind in zip(columns, TYPES, strict=True)
    )


def decode_jpeg(row: Sequence[tf.Tensor], size: int, channels: int = 3) -> tf.Tensor:
    """The window of a JPEG, in a graph: the pixels of `decode_windows`.

    Args:
        row: one of the columns of `columns_of`.
        size: height and width of the result.
        channels: 3, or 1 for grey.

    Returns:
        `(size, size, channels)` uint8. It is an error of TensorFlow where the data is damaged.
    """
    encoded, crop, scale, translation, is_mirrored = row
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
