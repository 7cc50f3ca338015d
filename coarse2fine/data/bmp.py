"""BMP images: TensorFlow's decoder takes the numbers of a palette's colours for grey levels."""

import dataclasses
import struct

import numpy as np

from coarse2fine.errors import InputError

_FILE_HEADER = 14
# Lengths of the headers: of OS/2's first version and of those after it.
_OLD, _NEW = 12, (40, 52, 56, 64, 108, 124)
# Compressions: none, and none with masks that say where a pixel's colours stand.
_PLAIN, _MASKS = 0, 3
_BLUE_FIRST = (0xFF0000, 0xFF00, 0xFF)
_KNOWN = {*((bits, _PLAIN) for bits in (1, 4, 8, 24, 32)), (32, _MASKS)}


def bmp_size(encoded: bytes) -> tuple[int, int]:
    """Height and width; raises as `decode_bmp`."""
    header = _read_header(encoded)
    return header.height, header.width


def decode_bmp(encoded: bytes) -> np.ndarray:
    """Decodes an uncompressed BMP image; what its pixels say of transparency is left out.

    Returns:
        `(height, width, 3)` uint8.

    Raises:
        InputError: another kind of BMP, or data that is cut off.
        struct.error: a header that is cut off.
    """
    header = _read_header(encoded)
    stride = -(-header.width * header.bits // 32) * 4
    data = encoded[header.start : header.start + header.height * stride]
    if len(data) < header.height * stride:
        raise InputError("its BMP data is cut off")
    rows = np.frombuffer(data, np.uint8).reshape(header.height, stride)
    rows = rows if header.is_top_first else rows[::-1]
    if header.bits > 8:
        num_bytes = header.bits // 8
        pixels = rows[:, : header.width * num_bytes].reshape(header.height, header.width, num_bytes)
        return pixels[..., 2::-1]
    shifts = np.arange(8 - header.bits, -1, -header.bits).astype(np.uint8)
    numbers = rows[..., np.newaxis] >> shifts & np.uint8(2**header.bits - 1)
    return header.palette[numbers.reshape(header.height, -1)[:, : header.width]]


@dataclasses.dataclass(frozen=True)
class _Header:
    start: int  # Of the pixels.
    height: int
    width: int
    is_top_first: bool
    bits: int
    palette: np.ndarray


def _read_header(encoded: bytes) -> _Header:
    start, length = struct.unpack_from("<II", encoded, 10)
    compression, num_colours, masks = _PLAIN, 0, _BLUE_FIRST
    if length == _OLD:
        width, height, _, bits = struct.unpack_from("<HHHH", encoded, 18)
    elif length in _NEW:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", encoded, 18)
        (num_colours,) = struct.unpack_from("<I", encoded, 46)
    else:
        raise InputError("it is no JPEG, PNG, GIF or BMP image")
    if compression == _MASKS:
        masks = struct.unpack_from("<III", encoded, 54)
    if (bits, compression) not in _KNOWN or masks != _BLUE_FIRST:
        raise InputError(
            f"it is a BMP image of {bits} bits a pixel and compression {compression}, expected 1, "
            "4, 8, 24 or 32 bits without compression"
        )
    place, step = _FILE_HEADER + length, 3 if length == _OLD else 4
    if width < 0 or start < place:
        raise InputError("its BMP header is damaged")
    palette = np.zeros((256, 3), np.uint8)
    if bits <= 8:
        table = encoded[place : place + step * min(num_colours or 256, 2**bits)]
        count = len(table) // step
        colours = np.frombuffer(table, np.uint8, step * count).reshape(count, step)
        palette[:count] = colours[:, 2::-1]
    return _Header(start, abs(height), width, height < 0, bits, palette)
