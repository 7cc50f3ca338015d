"""What a file says of the image in it, before anything is decoded."""

import dataclasses
import re
import struct

from coarse2fine.data.bmp import bmp_size
from coarse2fine.data.gif import gif_size
from coarse2fine.errors import InputError

MAX_PIXELS = 100_000_000

_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
}

# Start-of-frame markers; the others from C0 to CF hold tables.
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_END, _SCAN = b"\xff\xd9", b"\xff\xda"
# Decoders pass over whatever stands between segments, so this does too.
_MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class ImageHeader:
    """Kind and size of an encoded image.

    Attributes:
        kind: `JPEG`, `PNG`, `GIF` or `BMP`.
        height: in pixels; of a GIF, those of its first frame.
        width: in pixels.
    """

    kind: str
    height: int
    width: int


def read_image_header(encoded: bytes) -> ImageHeader:
    r"""Reads the header of a JPEG, PNG, GIF or BMP image.

    Raises:
        InputError: bytes of another kind, a header that is cut off or damaged, a JPEG without its
            end, or a size of none or of more than 100 million pixels, which would fill the memory
            once decoded. The message goes on where the caller has named the image: "it is ...".

    Example:
        >>> width, height = (2).to_bytes(4, "big"), (1).to_bytes(4, "big")
        >>> read_image_header(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + width + height)
        ImageHeader(kind='PNG', height=1, width=2)
    """
    if not encoded:
        raise InputError("it is empty")
    kind = next((kind for magic, kind in _MAGIC.items() if encoded.startswith(magic)), None)
    if kind is None:
        raise InputError("it is no JPEG, PNG, GIF or BMP image")
    try:
        height, width = _SIZES[kind](encoded)
    except (struct.error, IndexError) as error:
        raise InputError(f"its {kind} header is cut off") from error
    if height == 0 or width == 0:
        raise InputError(f"its header says {height} x {width} pixels")
    if height * width > MAX_PIXELS:
        raise InputError(
            f"its header says {height} x {width} pixels, more than {MAX_PIXELS:,} in all"
        )
    return ImageHeader(kind, height, width)


def _jpeg_size(encoded: bytes) -> tuple[int, int]:
    place = 2
    while True:
        found = _MARKER.search(encoded, place)
        if found is None:
            raise InputError("its JPEG header is cut off")
        marker, place = found[0][1], found.end()
        if marker in _FRAMES:
            # Of a file that is cut off, a window above that place would be decoded all the same.
            if encoded.rfind(_END, place) < 0:
                raise InputError("its JPEG data is cut off")
            return struct.unpack_from(">HH", encoded, place + 3)
        if found[0] in (_END, _SCAN):
            raise InputError("its JPEG header is damaged")
        if marker not in _WITHOUT_LENGTH:
            place += struct.unpack_from(">H", encoded, place)[0]


def _png_size(encoded: bytes) -> tuple[int, int]:
    name, width, height = struct.unpack_from(">4sII", encoded, 12)
    if name != b"IHDR":
        raise InputError("its PNG header is damaged")
    return height, width


_SIZES = {"JPEG": _jpeg_size, "PNG": _png_size, "GIF": gif_size, "BMP": bmp_size}
