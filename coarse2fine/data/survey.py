"""What the images of a source are, looked at one by one."""

import collections
import concurrent.futures
import dataclasses
import os
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from coarse2fine.data.decoding import check_decodable
from coarse2fine.data.encoded_source import EncodedSource
from coarse2fine.data.image_header import ImageHeader, read_image_header
from coarse2fine.data.source import Source
from coarse2fine.errors import reason_of

_CHUNK = 256  # Images whose results wait for each other, so that memory stays small.


@dataclasses.dataclass(frozen=True)
class Failure:
    """An image that cannot be read.

    Attributes:
        image: what to call it in a message.
        reason: why it cannot be read; goes on where the image has been named.
    """

    image: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Survey:
    """What was seen of some images.

    Attributes:
        num_images: how many were looked at.
        kinds: from `JPEG` and the like to the number of images with such a header.
        heights: `(k,)` of the images with a readable header, in pixels.
        widths: `(k,)` likewise.
        failures: the images that cannot be read, in the order in which they were looked at.
    """

    num_images: int
    kinds: dict[str, int]
    heights: np.ndarray
    widths: np.ndarray
    failures: tuple[Failure, ...]


def survey(
    source: Source,
    indices: np.ndarray,
    decode: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Survey:
    """Looks at images, several at a time, and goes on after those that cannot be read.

    They are read as training reads them, except that decoding takes the whole image, where a view
    may leave out the part that is damaged, and that none is replaced by another.

    Args:
        source: of the images. Headers are those of an `EncodedSource`; other images have none.
        indices: `(n,)` of the images.
        decode: whether to decode them; else their headers are read and nothing more. Without
            headers they are always decoded.
        on_progress: called with the number of images done and that of all.
    """
    kinds: collections.Counter[str] = collections.Counter()
    heights, widths, failures = [], [], []
    for done, (index, header, reason) in enumerate(_look_at_all(source, indices, decode), start=1):
        if header is not None:
            kinds[header.kind] += 1
            heights.append(header.height)
            widths.append(header.width)
        if reason:
            failures.append(Failure(_where(source, index), reason))
        if on_progress is not None and (done % _CHUNK == 0 or done == len(indices)):
            on_progress(done, len(indices))
    return Survey(
        len(indices),
        dict(kinds),
        np.array(heights, np.int64),
        np.array(widths, np.int64),
        tuple(failures),
    )


def _look_at_all(
    source: Source, indices: np.ndarray, decode: bool
) -> Iterator[tuple[int, ImageHeader | None, str]]:
    """Yields each index with the image's header, if it has one, and why it cannot be read."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(indices), _CHUNK):
            chunk = indices[start : start + _CHUNK].tolist()
            looks = pool.map(lambda index: _look_at(source, index, decode), chunk)
            for index, (header, reason) in zip(chunk, looks, strict=True):
                yield index, header, reason


def _look_at(source: Source, index: int, decode: bool) -> tuple[ImageHeader | None, str]:
    header = None
    try:
        if not isinstance(source, EncodedSource):
            with tf.device("CPU"):
                source.images(tf.constant([index], tf.int64))
            return None, ""
        encoded = source.encoded(index)
        header = read_image_header(encoded)
        if decode:
            check_decodable(encoded, header, source.image_shape[-1])
    except Exception as error:  # A library that reads records may raise anything.
        return header, reason_of(error)
    return header, ""


def _where(source: Source, index: int) -> str:
    return source.where(index) if isinstance(source, EncodedSource) else str(source.ids[index])
