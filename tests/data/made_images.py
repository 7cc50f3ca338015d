"""Images for the tests of this folder, made and encoded here."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf


def draw(height, width, seed=0):
    """Waves with some noise, `(height, width, 3)` uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / rng.uniform(2, 9)) + np.cos(y / rng.uniform(2, 9)) for _ in range(3)]
    noise = rng.uniform(-20, 20, (height, width, 3))
    return np.clip(np.stack(waves, -1) * 55 + 128 + noise, 0, 255).astype(np.uint8)


def jpeg(image, quality=95):
    return tf.io.encode_jpeg(image, quality=quality, chroma_downsampling=True).numpy()


def png(image):
    return tf.io.encode_png(image).numpy()


def bmp(image):
    """24 bits a pixel."""
    height, width, _ = image.shape
    rows = [row[:, ::-1].tobytes() + bytes(-3 * width % 4) for row in image[::-1]]
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return struct.pack("<2sIII", b"BM", 0, 54, 54) + header + b"".join(rows)


def gif_frame(height, width, colour, corner=(0, 0), claimed=None):
    """A frame of one of four colours, its LZW codes never longer than 3 bits."""
    clear, end = 4, 5
    codes = [code for _ in range(height * width) for code in (clear, colour)] + [end]
    bits = "".join(f"{code:03b}"[::-1] for code in codes)
    data = bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))
    blocks = [data[i : i + 255] for i in range(0, len(data), 255)]
    top, left = corner
    height, width = claimed or (height, width)
    return (
        struct.pack("<BHHHHBB", 0x2C, left, top, width, height, 0, 2)
        + b"".join(bytes([len(block)]) + block for block in blocks)
        + b"\0"
    )


GIF_COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 200, 0], [0, 0, 150]], np.uint8)


def gif(*frames, screen=(4, 4)):
    """A GIF of frames that `gif_frame` makes."""
    height, width = screen
    start = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x81, 0, 0)
    return start + GIF_COLOURS.tobytes() + b"".join(frames) + b"\x3b"


def with_pillow(image, kind, mode="RGB", **options):
    """Encoded in one of Pillow's modes, and the RGB image that this is."""
    pillow = pytest.importorskip("PIL.Image")
    converted = pillow.fromarray(image).convert(mode)
    encoded = io.BytesIO()
    converted.save(encoded, kind, **options)
    decoded = pillow.open(io.BytesIO(encoded.getvalue()))
    return encoded.getvalue(), np.array(decoded.convert("RGB"))
