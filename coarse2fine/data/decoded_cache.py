"""Decoded images, kept in files from one pass over them to the next."""

import dataclasses
import hashlib
import pathlib
import random
import struct
import zlib
from collections.abc import Callable

import numpy as np

from coarse2fine.data.decoding import decode_resized, decode_view
from coarse2fine.data.image_header import read_image_header
from coarse2fine.data.views import ResizedView, View, resized_size
from coarse2fine.errors import InputError
from coarse2fine.files import is_recent, make_folder, write_bytes

_MAGIC = b"c2f2"
_HEADER = struct.Struct(">4sIIqqq")  # Magic, height, width; the origin's size and times.
_CHECKSUM = struct.Struct(">I")  # Of the header and the pixels.

# A long and narrow image that were resized whole could take any amount of memory and of disk.
_MOST_ELONGATED = 8


class CacheError(InputError):
    """A folder that decoded images cannot be kept in, whatever the images."""


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where an image's bytes are from.

    Attributes:
        name: that no other image has, of any data set.
        size: of the file, in bytes; 0 where the name changes with the image.
        mtime_ns: when its content was last changed, or a program says so; 0 likewise.
        ctime_ns: when the file was, that time included; 0 likewise.
    """

    name: str
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0

    @property
    def state(self) -> tuple[int, int, int]:
        """What differs once the file has changed."""
        return self.size, self.mtime_ns, self.ctime_ns


class DecodedCache:
    """Images whose shorter side has been resized, as pixels in files; for views that crop those.

    A crop of such an image is cut out, and nothing is decoded or resized. Its pixels are at most 1
    of 255 levels from those without a cache, whose windows are resized by themselves. Each image
    has a file, of three bytes a pixel for colours: 262,144 images of 256 x 341 pixels take 64 GiB.

    A file is written whole or not at all, also where several processes write it at once; it is used
    only where its checksum is right and the image's file has the size and the times that it had
    then. An image longer than 8 times its width or wider than 8 times its height is decoded each
    time, and one whose file changed within the last two seconds is not kept yet.

    Args:
        cache_dir: the folder below which the files lie.
        shorter_side: of the resized images.
        channels: 3, or 1 for grey images.
    """

    def __init__(self, cache_dir: str | pathlib.Path, shorter_side: int, channels: int):
        self._folder = pathlib.Path(cache_dir) / f"images_{shorter_side}_{channels}"
        self._shorter_side = shorter_side
        self._channels = channels

    def serves(self, view: View) -> bool:
        """Whether a view's windows are crops of the images that are kept here."""
        return isinstance(view, ResizedView) and view.shorter_side == self._shorter_side

    def windows(
        self, origin: Origin, encoded: Callable[[], bytes], view: View, rng: random.Random
    ) -> np.ndarray:
        """The windows of an image, as `decode_view` gives them.

        Args:
            origin: of its bytes.
            encoded: reads them; called where the image is not kept here.
            view: which windows to see; one that `serves` names.
            rng: of what is random about the view.

        Raises:
            CacheError: the image cannot be kept.
            InputError: the bytes cannot be decoded.
        """
        file = self._file(origin)
        image = self._read(file, origin)
        if image is None:
            content = encoded()
            header = read_image_header(content)
            short, long = sorted((header.height, header.width))
            if long > _MOST_ELONGATED * short:
                return decode_view(content, view, rng, self._channels)
            size = resized_size(header.height, header.width, self._shorter_side)
            image = decode_resized(content, header, *size, self._channels)
            if not any(map(is_recent, (origin.mtime_ns, origin.ctime_ns))):
                self._write(file, origin, image)
        return _cut(image, view, rng)

    def _file(self, origin: Origin) -> pathlib.Path:
        name = hashlib.blake2b(origin.name.encode("utf-8", "surrogateescape"), digest_size=16)
        first, rest = name.hexdigest()[:2], name.hexdigest()[2:]
        return self._folder / first / f"{rest}.pixels"

    def _read(self, file: pathlib.Path, origin: Origin) -> np.ndarray | None:
        """The image in a file; None unless it is whole and of that origin."""
        try:
            content = file.read_bytes()
            magic, height, width, *written_of = _HEADER.unpack_from(content)
            (checksum,) = _CHECKSUM.unpack_from(content, len(content) - _CHECKSUM.size)
        except (OSError, struct.error):
            return None
        if magic != _MAGIC or tuple(written_of) != origin.state:
            return None
        pixels = memoryview(content)[_HEADER.size : -_CHECKSUM.size]
        shape = (height, width, self._channels)
        if len(pixels) != height * width * self._channels:
            return None
        if zlib.crc32(memoryview(content)[: -_CHECKSUM.size]) != checksum:
            return None
        return np.frombuffer(pixels, np.uint8).reshape(shape)

    def _write(self, file: pathlib.Path, origin: Origin, image: np.ndarray) -> None:
        header = _HEADER.pack(_MAGIC, *image.shape[:2], *origin.state)
        content = header + image.tobytes()
        try:
            make_folder(file.parent)
            write_bytes(file, content + _CHECKSUM.pack(zlib.crc32(content)), is_shared=True)
        except InputError as error:
            raise CacheError(
                f"{error} It would keep a decoded image: make room in {self._folder}, name another "
                "cache_dir, or leave cache_images out."
            ) from error


def _cut(image: np.ndarray, view: View, rng: random.Random) -> np.ndarray:
    """The windows of an image that has been resized already."""
    cut = []
    height, width, _ = image.shape
    for window in view.windows(height, width, rng):
        top, left = round(window.top), round(window.left)
        part = image[top : top + view.size, left : left + view.size]
        cut.append(part[:, ::-1] if window.is_mirrored else part)
    return np.stack(cut)
