"""Pixels of windows: those of the whole image, whatever its kind."""

import itertools
import random
import re
import struct

import made_images
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data.bmp import decode_bmp
from coarse2fine.data.decoding import decode_windows
from coarse2fine.data.gif import first_frame
from coarse2fine.data.image_header import read_image_header
from coarse2fine.data.views import CenterCrop, RandomCrop, RandomResizedCrop, TenCrop, Window
from coarse2fine.errors import InputError

# Of 255: what the docstring of `decode_windows` states.
TOLERANCE = 1


def decode(encoded, windows, size, channels=3):
    return decode_windows(encoded, read_image_header(encoded), windows, size, channels)


def decode_square(encoded, channels=3):
    """All pixels of a square image, as they are."""
    size = read_image_header(encoded).height
    return decode(encoded, [Window(0, 0, size, size)], size, channels)[0]


def check_close(pixels, expected, most=TOLERANCE):
    assert pixels.shape == expected.shape
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - expected.astype(int)).max() <= most


def crops_of_resized(view, image, windows):
    """Resizes the whole image and cuts whole pixels out."""
    height, width, _ = image.shape
    ratio = view.shorter_side / min(height, width)
    new = round(height * ratio), round(width * ratio)
    resized = tf.image.resize(image, new, antialias=True).numpy()
    for window in windows:
        top, left = round(window.top * new[0] / height), round(window.left * new[1] / width)
        crop = resized[top : top + view.size, left : left + view.size]
        yield np.rint(crop[:, ::-1] if window.is_mirrored else crop)


class TestOfTheWholeImage:
    @pytest.mark.parametrize("view", [CenterCrop(24, 28), RandomCrop(40, 64), TenCrop(16, 20)])
    def test_crops_are_those_of_the_resized_image(self, view):
        rng = random.Random(0)
        for seed, (height, width) in enumerate([(61, 83), (120, 33), (9, 14), (1, 50), (64, 64)]):
            encoded = made_images.jpeg(made_images.draw(height, width, seed))
            image = tf.io.decode_jpeg(encoded).numpy()
            windows = view.windows(height, width, rng)
            expected = np.stack(list(crops_of_resized(view, image, windows)))
            check_close(decode(encoded, windows, view.size), expected)

    @pytest.mark.parametrize(
        ("mode", "options"),
        [
            *itertools.product(["RGB", "CMYK"], [{}, {"progressive": True}, {"subsampling": 0}]),
            *itertools.product(["L"], [{}, {"progressive": True}]),
        ],
    )
    def test_a_part_of_a_jpeg_is_as_of_the_whole(self, mode, options):
        rng = random.Random(1)
        for seed in range(6):
            image = made_images.draw(rng.randrange(1, 200), rng.randrange(1, 200), seed)
            encoded, _ = made_images.with_pillow(image, "JPEG", mode, **options)
            lossless = made_images.png(tf.io.decode_jpeg(encoded, channels=3).numpy())
            for view in (RandomResizedCrop(24), RandomCrop(24, 200), TenCrop(12, 13)):
                windows = view.windows(*image.shape[:2], rng)
                check_close(
                    decode(encoded, windows, view.size), decode(lossless, windows, view.size)
                )

    def test_a_part_of_a_photograph_is_as_of_the_whole(self, data_dir):
        files = sorted((data_dir / "imagenet_sample" / "val").glob("*/*.jpg"))
        if not files:
            pytest.skip("the folder of real data has no imagenet_sample")
        rng = random.Random(2)
        for file in rng.sample(files, 20):
            encoded = file.read_bytes()
            lossless = made_images.png(tf.io.decode_jpeg(encoded, channels=3).numpy())
            header = read_image_header(encoded)
            for view in (RandomCrop(56, 64), RandomResizedCrop(56)):
                windows = view.windows(header.height, header.width, rng)
                check_close(
                    decode(encoded, windows, view.size), decode(lossless, windows, view.size)
                )

    def test_a_pixel_can_fill_the_window(self):
        image = made_images.draw(5, 7)
        pixels = decode(made_images.png(image), [Window(2.5, 3.5, 1e-6, 1e-6)], 3)
        np.testing.assert_array_equal(pixels[0], np.broadcast_to(image[2, 3], (3, 3, 3)))


class TestWindows:
    def test_are_given_in_order_and_mirrored_where_asked(self):
        encoded = made_images.jpeg(made_images.draw(50, 70))
        windows = [*TenCrop(16, 20).windows(50, 70, random.Random()), Window(3.3, 4.4, 20, 30.5)]
        together = decode(encoded, windows, 16)
        assert together.shape == (11, 16, 16, 3)
        for window, pixels in zip(windows, together, strict=True):
            check_close(pixels, decode(encoded, [window], 16)[0])
        np.testing.assert_array_equal(together[5:10], together[:5, :, ::-1])

    def test_of_a_jpeg_are_decoded_once(self, monkeypatch):
        calls = []
        whole = tf.io.decode_and_crop_jpeg

        def counting(encoded, crop, **options):
            calls.append(crop)
            return whole(encoded, crop, **options)

        monkeypatch.setattr(tf.io, "decode_and_crop_jpeg", counting)
        encoded = made_images.jpeg(made_images.draw(200, 300))
        decode(encoded, TenCrop(16, 20).windows(200, 300, random.Random()), 16)
        decode(encoded, [Window(100, 200, 32, 32)], 16)
        # The second reaches 2 pixels further for the kernel, and 1 for rounding.
        assert calls == [[0, 0, 200, 300], [97, 197, 38, 38]]


class TestKinds:
    @pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA", "I;16"])
    def test_png(self, mode):
        image = made_images.draw(20, 20)
        if mode == "I;16":
            grey = image[..., :1]
            encoded = tf.io.encode_png(grey.astype(np.uint16) * 256 + 255).numpy()
            expected = np.repeat(grey, 3, -1)
        else:
            encoded, expected = made_images.with_pillow(image, "PNG", mode)
        np.testing.assert_array_equal(decode_square(encoded), expected)

    def test_png_of_48_bits_and_with_transparent_colours(self):
        image = made_images.draw(20, 20)
        encoded = tf.io.encode_png(image.astype(np.uint16) * 256 + 100).numpy()
        np.testing.assert_array_equal(decode_square(encoded), image)
        encoded, expected = made_images.with_pillow(image, "PNG", "P", transparency=3)
        np.testing.assert_array_equal(decode_square(encoded), expected)

    @pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA"])
    def test_bmp(self, mode):
        image = made_images.draw(19, 19)
        encoded, expected = made_images.with_pillow(image, "BMP", mode)
        np.testing.assert_array_equal(decode_square(encoded), expected)
        np.testing.assert_array_equal(decode_square(encoded + b"more"), expected)

    @pytest.mark.parametrize("mode", ["L", "1", "P"])
    @pytest.mark.parametrize("interlace", [0, 1])
    def test_gif(self, mode, interlace):
        image = made_images.draw(20, 20)
        encoded, expected = made_images.with_pillow(image, "GIF", mode, interlace=interlace)
        np.testing.assert_array_equal(decode_square(encoded), expected)

    @pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
    def test_jpeg(self, mode):
        encoded, expected = made_images.with_pillow(made_images.draw(20, 20), "JPEG", mode)
        # Decoders differ in how they round, and in how they turn CMYK to RGB.
        check_close(decode_square(encoded), expected, most=10)

    @pytest.mark.parametrize("kind", ["jpeg", "png", "bmp"])
    def test_grey_is_the_usual_mean_of_the_colours(self, kind):
        image = made_images.draw(20, 20)
        pixels = decode_square(getattr(made_images, kind)(image), channels=1)
        colours = tf.io.decode_jpeg(made_images.jpeg(image)).numpy() if kind == "jpeg" else image
        check_close(pixels, (colours @ [[0.299], [0.587], [0.114]]), most=3)

    def test_grey_of_a_gif(self):
        encoded = made_images.gif(made_images.gif_frame(4, 4, 2))
        check_close(decode_square(encoded, channels=1), np.full((4, 4, 1), 0.587 * 200))


class TestFirstFrame:
    def test_is_seen_alone_whatever_comes_after(self):
        first = made_images.gif_frame(4, 4, 1)
        for second in (
            made_images.gif_frame(4, 4, 2),
            made_images.gif_frame(9, 9, 2),
            made_images.gif_frame(1, 1, 2, claimed=(65535, 65535)),
            b"rubbish",
        ):
            pixels = decode_square(made_images.gif(first, second))
            np.testing.assert_array_equal(pixels, np.broadcast_to([255, 0, 0], (4, 4, 3)))

    def test_fills_the_image_wherever_it_lies_on_the_screen(self):
        frame = made_images.gif_frame(3, 3, 3, corner=(5, 4))
        pixels = decode_square(made_images.gif(frame, screen=(20, 20)))
        np.testing.assert_array_equal(pixels, np.broadcast_to([0, 0, 150], (3, 3, 3)))

    def test_of_a_gif_that_holds_it_alone_is_that_gif(self):
        encoded = made_images.gif(made_images.gif_frame(4, 4, 1))
        assert first_frame(encoded) == encoded


class TestBmp:
    IMAGE = np.array([[0, 1, 2], [2, 1, 0]])
    COLOURS = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]], np.uint8)

    def test_of_four_bits_with_few_colours(self):
        rows = b"\x21\x00\0\0" + b"\x01\x20\0\0"
        table = b"".join(colour[::-1].tobytes() + b"\0" for colour in self.COLOURS)
        header = struct.pack("<IiiHHIIiiII", 40, 3, 2, 1, 4, 0, 0, 0, 0, 3, 0)
        encoded = struct.pack("<2sIII", b"BM", 0, 0, 54 + 12) + header + table + rows
        np.testing.assert_array_equal(decode_bmp(encoded), self.COLOURS[self.IMAGE])

    def test_of_the_first_version_and_from_top_to_bottom(self):
        rows = b"\0\1\2\0" + b"\2\1\0\0"
        table = b"".join(colour[::-1].tobytes() for colour in self.COLOURS) + bytes(3 * 253)
        old = struct.pack("<IHHHH", 12, 3, 2, 1, 8)
        encoded = struct.pack("<2sIII", b"BM", 0, 0, 26 + 768) + old + table + rows
        np.testing.assert_array_equal(decode_bmp(encoded), self.COLOURS[self.IMAGE][::-1])
        image = made_images.draw(5, 6)
        header = bytearray(made_images.bmp(image))
        header[22:26] = struct.pack("<i", -5)
        np.testing.assert_array_equal(decode_bmp(bytes(header)), image[::-1])


DAMAGED = "its {} data is damaged or cut off"


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (made_images.jpeg(made_images.draw(20, 20))[:200] + b"\xff\xd9", DAMAGED.format("JPEG")),
        (made_images.png(made_images.draw(20, 20))[:-20], DAMAGED.format("PNG")),
        (
            made_images.png(made_images.draw(20, 20)).replace(b"IDAT", b"IDAX"),
            DAMAGED.format("PNG"),
        ),
        (made_images.gif(made_images.gif_frame(4, 4, 1))[:-3], DAMAGED.format("GIF")),
        (made_images.gif(made_images.gif_frame(2, 2, 1, claimed=(4, 4))), DAMAGED.format("GIF")),
        (made_images.bmp(made_images.draw(20, 20))[:-1], "its BMP data is cut off"),
    ],
)
def test_refuses_what_cannot_be_decoded(encoded, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        decode(encoded, [Window(0, 0, 2, 2)], 8)
