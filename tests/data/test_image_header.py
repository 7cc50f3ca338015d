"""Kind and size of images, and what is refused before it is decoded."""

import re
import struct

import made_images
import pytest

from coarse2fine.data.image_header import ImageHeader, read_image_header
from coarse2fine.errors import InputError

ENCODED = {
    "JPEG": made_images.jpeg(made_images.draw(20, 30)),
    "PNG": made_images.png(made_images.draw(20, 30)),
    "BMP": made_images.bmp(made_images.draw(20, 30)),
    "GIF": made_images.gif(made_images.gif_frame(20, 30, 1), screen=(20, 30)),
}
END = b"\xff\xd9"


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def frame(height, width, marker=0xC0):
    return segment(marker, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")


def png_header(height, width):
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)


def bmp_header(height, width, bits=24, compression=0, start=54):
    return struct.pack("<2sIIIIiiHHI", b"BM", 0, 0, start, 40, width, height, 1, bits, compression)


@pytest.mark.parametrize("kind", ENCODED)
def test_reads_kind_and_size(kind):
    assert read_image_header(ENCODED[kind]) == ImageHeader(kind, 20, 30)


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"exif": b"Exif\0\0" + b"\xff" * 9}]
)
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_reads_every_kind_of_jpeg(mode, options):
    encoded, _ = made_images.with_pillow(made_images.draw(20, 30), "JPEG", mode, **options)
    assert read_image_header(encoded) == ImageHeader("JPEG", 20, 30)


@pytest.mark.parametrize(
    "before",
    [
        segment(0xE1, frame(1, 2) + b"\xff\xda" + END),  # As a thumbnail in it would.
        segment(0xC4, b"\0" * 9),
        b"\xff\xff\xff",  # Padding of the marker that follows.
        b"\xff\x00stray bytes" * 100_000,
        b"\xff\xd0\xff\x01",  # Markers without a length.
    ],
)
def test_finds_the_frame_of_a_jpeg_behind_anything(before):
    encoded = ENCODED["JPEG"]
    assert read_image_header(encoded[:2] + before + encoded[2:]) == ImageHeader("JPEG", 20, 30)


def test_reads_the_size_of_a_gifs_first_frame():
    first = made_images.gif_frame(3, 2, 1)
    comment = b"\x21\xfe\x03abc\x02de\x00"
    second = made_images.gif_frame(1, 1, 1, claimed=(65535, 65535))
    encoded = made_images.gif(comment, first, second, screen=(9, 9))
    assert read_image_header(encoded) == ImageHeader("GIF", 3, 2)


def test_reads_a_bmp_from_top_to_bottom_and_one_of_the_first_version():
    assert read_image_header(bmp_header(-20, 30) + bytes(20)) == ImageHeader("BMP", 20, 30)
    old = struct.pack("<2sIIIIHHHH", b"BM", 0, 0, 26, 12, 30, 20, 1, 24)
    assert read_image_header(old) == ImageHeader("BMP", 20, 30)


@pytest.mark.parametrize("kind", ENCODED)
def test_refuses_every_header_that_is_cut_off(kind):
    encoded = ENCODED[kind]
    last = {"JPEG": len(encoded) - 1, "PNG": 23, "BMP": 49, "GIF": 13 + 12 + 8}[kind]
    for length in range(last + 1):
        with pytest.raises(
            InputError, match=f"^(its {kind} (header|data) is cut off|it is (empty|no JPEG, .*))$"
        ):
            read_image_header(encoded[:length])


TOO_LARGE = "its header says {} x {} pixels, more than 100,000,000 in all"
NO_IMAGE = "it is no JPEG, PNG, GIF or BMP image"
BMP_KINDS = "expected 1, 4, 8, 24 or 32 bits without compression"


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (b"", "it is empty"),
        (b"\0" * 100, NO_IMAGE),
        (b"path,coarse,fine\n", NO_IMAGE),
        (b"BMW and other makes of cars, and some more of them", NO_IMAGE),
        (b"RIFF\0\0\0\0WEBPVP8 ", NO_IMAGE),
        (b"\xff\xd8" + frame(65535, 65535) + END, TOO_LARGE.format(65535, 65535)),
        (png_header(10001, 10000), TOO_LARGE.format(10001, 10000)),
        (png_header(2**31, 2**31), TOO_LARGE.format(2**31, 2**31)),
        (bmp_header(-(2**31), 1) + bytes(20), TOO_LARGE.format(2**31, 1)),
        (
            made_images.gif(made_images.gif_frame(1, 1, 1, claimed=(65535, 65534))),
            TOO_LARGE.format(65535, 65534),
        ),
        (b"\xff\xd8" + frame(0, 7) + END, "its header says 0 x 7 pixels"),
        (png_header(5, 0), "its header says 5 x 0 pixels"),
        (b"\xff\xd8\xff\xda" + END, "its JPEG header is damaged"),
        (b"\xff\xd8" + segment(0xE0, b"JFIF") + END, "its JPEG header is damaged"),
        (b"\xff\xd8" + frame(5, 7) + b"pixels", "its JPEG data is cut off"),
        (b"\xff\xd8" + segment(0xE1, END) + frame(5, 7), "its JPEG data is cut off"),
        (png_header(5, 7).replace(b"IHDR", b"IDAT"), "its PNG header is damaged"),
        (made_images.gif(), "its GIF header is damaged"),
        (bmp_header(5, -7) + bytes(20), "its BMP header is damaged"),
        (bmp_header(5, 7, start=0) + bytes(20), "its BMP header is damaged"),
        (
            bmp_header(5, 7, bits=16) + bytes(20),
            f"it is a BMP image of 16 bits a pixel and compression 0, {BMP_KINDS}",
        ),
        (
            bmp_header(5, 7, bits=8, compression=1) + bytes(20),
            f"it is a BMP image of 8 bits a pixel and compression 1, {BMP_KINDS}",
        ),
    ],
)
def test_refuses(encoded, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        read_image_header(encoded)


def test_reads_as_many_pixels_as_are_allowed():
    assert read_image_header(png_header(10000, 10000)) == ImageHeader("PNG", 10000, 10000)
