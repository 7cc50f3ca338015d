"""Sound input, which cases are made from."""

import io
import struct

import keras
import numpy as np
import tensorflow as tf

from coarse2fine.taxonomy import Taxonomy

PETS = Taxonomy(("tabby", "pug", "boxer"), ("cat", "dog"), (0, 1, 1))
PIXELS = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)


def bmp(pixels, bits=24):
    """24 bits a pixel, or 8 with a palette of greys."""
    height, width, _ = pixels.shape
    palette = b"" if bits == 24 else bytes(v for k in range(256) for v in (k, k, k, 0))
    if bits == 24:
        rows = [row[:, ::-1].tobytes() + bytes(-3 * width % 4) for row in pixels[::-1]]
    else:
        rows = [row[:, 0].tobytes() + bytes(-width % 4) for row in pixels[::-1]]
    start = 54 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0)
    return struct.pack("<2sIII", b"BM", 0, 0, start) + header + palette + b"".join(rows)


# Two pixels of the first colour, after an extension that says when the frame is shown.
GIF = (
    b"GIF89a\2\0\1\0\x80\0\0\xff\0\0\0\xff\0"
    b"\x21\xf9\4\0\0\0\0\0\x2c\0\0\0\0\2\0\1\0\0\2\2\x04\x0a\0\x3b"
)

IMAGES = [
    tf.io.encode_jpeg(PIXELS).numpy(),
    tf.io.encode_jpeg(PIXELS, progressive=True).numpy(),
    tf.io.encode_png(PIXELS).numpy(),
    bmp(PIXELS),
    bmp(PIXELS, bits=8),
    GIF,
]


def npz_bytes(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def network_bytes(folder):
    """The bytes of a `.keras` file."""
    inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.Conv2D(2, 3, activation="relu", name="own")(inputs)
    keras.Model(inputs, outputs).save(folder / "network.keras")
    return (folder / "network.keras").read_bytes()
