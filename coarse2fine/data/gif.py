"""The first frame of a GIF image."""

import struct

from coarse2fine.errors import InputError

_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B


def gif_size(encoded: bytes) -> tuple[int, int]:
    """Height and width of the first frame; raises as `first_frame`."""
    width, height = struct.unpack_from("<HH", encoded, _first_image(encoded) + 5)
    return height, width


def first_frame(encoded: bytes) -> bytes:
    """A GIF image without the frames after the first, which fills it.

    TensorFlow's decoder decodes all frames, whatever their number and size, before it gives the
    first, and gives that the size of the largest.

    Raises:
        InputError: no frame.
        IndexError: the bytes end within it.
    """
    start = _first_image(encoded)
    size = encoded[start + 5 : start + 9]
    flags = encoded[start + 9]
    end = _after_blocks(encoded, start + 10 + _table_length(flags) + 1)
    at_corner = encoded[start : start + 1] + bytes(4) + encoded[start + 5 : end]
    return encoded[:6] + size + encoded[10:start] + at_corner + bytes([_END])


def _first_image(encoded: bytes) -> int:
    """Where the first frame starts."""
    place = 13 + _table_length(encoded[10])
    while encoded[place] == _EXTENSION:
        place = _after_blocks(encoded, place + 2)
    if encoded[place] != _IMAGE:
        raise InputError("its GIF header is damaged")
    return place


def _table_length(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(encoded: bytes, place: int) -> int:
    """Passes over blocks, each with its length before it, until one of none."""
    while encoded[place]:
        place += encoded[place] + 1
    return place + 1
