"""From the bytes of an image to the pixels of windows of it."""

import dataclasses
import math
import random
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from coarse2fine.data.bmp import decode_bmp
from coarse2fine.data.gif import first_frame
from coarse2fine.data.image_header import ImageHeader, read_image_header
from coarse2fine.data.views import View, Window
from coarse2fine.errors import InputError


def decode_view(encoded: bytes, view: View, rng: random.Random, channels: int = 3) -> np.ndarray:
    """Decodes the windows that a view shows of an image.

    Args:
        encoded: the image's bytes.
        view: which windows to see.
        rng: of what is random about them.
        channels: 3, or 1 for grey.

    Returns:
        `(view.num_windows, view.size, view.size, channels)` uint8.

    Raises:
        InputError: the bytes cannot be decoded.
    """
    header = read_image_header(encoded)
    windows = view.windows(header.height, header.width, rng)
    return decode_windows(encoded, header, windows, view.size, channels)


def decode_resized(
    encoded: bytes, header: ImageHeader, height: int, width: int, channels: int = 3
) -> np.ndarray:
    """Decodes a whole image, resized with antialiasing.

    Args:
        encoded: the image's bytes.
        header: what `read_image_header` gives of them.
        height: of the result.
        width: of the result.
        channels: 3, or 1 for grey.

    Returns:
        `(height, width, channels)` uint8.

    Raises:
        InputError: the bytes cannot be decoded.
    """
    with tf.device("CPU"):  # As below.
        image = _decode(encoded, header.kind, 0, 0, header.height, header.width, channels)
        whole = Window(0, 0, header.height, header.width)
        return _resize(image, 0, 0, whole, height, width)


def decode_windows(
    encoded: bytes, header: ImageHeader, windows: Sequence[Window], size: int, channels: int = 3
) -> np.ndarray:
    """Decodes windows of an image, each resized with antialiasing.

    A window's pixels are those of resizing the whole image, so that the window takes size x size
    pixels, and cutting them out; but only the part of a JPEG that the windows need is decoded, and
    only their pixels are computed. Measured over 7,200 draws of windows from photographs and from
    made-up JPEGs of 1 to 1,800 pixels a side (grey, RGB and CMYK, colours at full, half and quarter
    resolution), the two are never more than 1 of 255 levels apart. Other kinds are decoded whole.

    CMYK and palettes become RGB, 16 bits become 8, transparency is left out.

    Args:
        encoded: the image's bytes.
        header: what `read_image_header` gives of them.
        windows: of the image.
        size: height and width of the result.
        channels: 3, or 1 for grey.

    Returns:
        `(len(windows), size, size, channels)` uint8.

    Raises:
        InputError: the bytes cannot be decoded.
    """
    # Eager operations would go to a GPU where there is one.
    with tf.device("CPU"):
        top, left, bottom, right = window_part(windows, header, size)
        image = _decode(encoded, header.kind, top, left, bottom, right, channels)
        seen: dict[Window, np.ndarray] = {}
        result = np.empty((len(windows), size, size, channels), np.uint8)
        pixel = f"V{channels}"  # A pixel as one item: mirroring is twice as fast.
        for place, window in zip(result, windows, strict=True):
            straight = dataclasses.replace(window, is_mirrored=False)
            if straight not in seen:
                seen[straight] = _resize(image, top, left, straight, size, size)
            pixels = seen[straight].view(pixel)
            place.view(pixel)[:] = pixels[:, ::-1] if window.is_mirrored else pixels
        return result


def decode_whole(encoded: bytes, header: ImageHeader, channels: int = 3) -> np.ndarray:
    """Decodes an image in its own size.

    Args:
        encoded: the image's bytes.
        header: what `read_image_header` gives of them.
        channels: 3, or 1 for grey.

    Returns:
        `(height, width, channels)` uint8.

    Raises:
        InputError: the bytes cannot be decoded.
    """
    with tf.device("CPU"):  # As in `decode_windows`.
        return _decode(encoded, header.kind, 0, 0, header.height, header.width, channels).numpy()


def check_decodable(encoded: bytes, header: ImageHeader, channels: int = 3) -> None:
    """Decodes all of an image, and so any window of it; raises as `decode_windows`.

    A window of a JPEG is decoded down to its lower edge, so damage below that is found here alone.
    A JPEG whose data ends early at an end marker, or has wrong bits, decodes to grey or wrong
    pixels, with a warning that TensorFlow passes over: that is not found.
    """
    whole = Window(0, 0, header.height, header.width)
    decode_windows(encoded, header, [whole], size=1, channels=channels)


def window_part(
    windows: Sequence[Window], header: ImageHeader, size: int
) -> tuple[int, int, int, int]:
    """The part of an image that its windows need: top, left, bottom, right."""
    top, bottom = _part([(w.top, w.height) for w in windows], header.height, size)
    left, right = _part([(w.left, w.width) for w in windows], header.width, size)
    return top, left, bottom, right


def placement(
    window: Window, top: int, left: int, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Scale and translation that bring a window to a size, in the part that starts at `top, left`.

    Returns:
        Two float32 arrays `(2,)`: arrays become tensors faster than lists do.
    """
    scale = np.array([height / window.height, width / window.width])
    translation = np.array([top - window.top, left - window.left]) * scale
    return scale.astype(np.float32), translation.astype(np.float32)


def _part(spans: Sequence[tuple[float, float]], end: int, size: int) -> tuple[int, int]:
    """The whole pixels that these spans, each a start and a length, need of a side of the image."""
    starts, stops = [], []
    for start, length in spans:
        # What the resizing kernel reaches into on either side, and a pixel for rounding.
        reach = math.ceil(max(1.0, length / size)) + 1
        starts.append(math.floor(start) - reach)
        stops.append(math.ceil(start + length) + reach)
    return max(0, min(starts)), min(end, max(stops))


def _decode(
    encoded: bytes, kind: str, top: int, left: int, bottom: int, right: int, channels: int
) -> tf.Tensor:
    try:
        return _decode_part(encoded, kind, top, left, bottom, right, channels)
    except (tf.errors.InvalidArgumentError, IndexError) as error:
        raise InputError(f"its {kind} data is damaged or cut off") from error


def _decode_part(
    encoded: bytes, kind: str, top: int, left: int, bottom: int, right: int, channels: int
) -> tf.Tensor:
    if kind == "JPEG":
        crop = [top, left, bottom - top, right - left]
        return tf.io.decode_and_crop_jpeg(encoded, crop, channels=channels)
    if kind == "PNG":
        return tf.io.decode_png(encoded, channels=channels)[top:bottom, left:right]
    if kind == "GIF":
        image = tf.io.decode_gif(first_frame(encoded))[0]
    else:
        image = tf.constant(decode_bmp(encoded))
    image = image[top:bottom, left:right]
    return image if channels == 3 else tf.image.rgb_to_grayscale(image)


def _resize(
    image: tf.Tensor, top: int, left: int, window: Window, height: int, width: int
) -> np.ndarray:
    """Resizes the window of an image of which `image` is the part that starts at `top, left`."""
    scale, translation = placement(window, top, left, height, width)
    resized = tf.raw_ops.ScaleAndTranslate(
        images=tf.expand_dims(image, 0),
        size=np.array([height, width], np.int32),
        scale=scale,
        translation=translation,
        kernel_type="triangle",
        antialias=True,
    )
    pixels = resized.numpy()[0]
    return np.rint(pixels, out=pixels).astype(np.uint8)
