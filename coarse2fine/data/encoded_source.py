"""Images that are decoded when they are read."""

import abc
import hashlib
import random
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from coarse2fine.data.decoded_cache import CacheError, DecodedCache, Origin
from coarse2fine.data.decoding import check_decodable, decode_view
from coarse2fine.data.image_header import ImageHeader, read_image_header
from coarse2fine.data.jpeg_batch import decode_jpegs
from coarse2fine.data.source import Source
from coarse2fine.data.views import CenterCrop, View, Window
from coarse2fine.errors import InputError, reason_of
from coarse2fine.taxonomy import Taxonomy

Replace = Callable[[int, str], int]


class EncodedSource(Source):
    """A split whose images are JPEG, PNG, GIF (their first frame) or BMP bytes of any size.

    A subclass gives the bytes. Images are seen through a view: by default the middle of the image
    whose shorter side has been resized. Colours are those that are encoded, grey and CMYK as RGB;
    16 bits become 8. A rotation that a camera notes beside the pixels is not applied.

    Args:
        taxonomy: of the labels.
        fine: `(n,)` fine labels, -1 where an image has none.
        ids: `(n,)` distinct texts.
        view: of images for evaluation.
        coarse: `(n,)` coarse labels; by default the parents of `fine`.
        channels: 3, or 1 for grey images.

    Attributes:
        replace: from the index of an image that cannot be decoded, and the reason, to the index of
            another to show in its place, called once at a time; it raises `InputError` where there
            is none left. None to stop at the first such image.
        advice: what to do about such an image, where the message that names it ends.
        cache: what keeps decoded images for the views that it serves; None to decode each time.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        fine: np.ndarray,
        ids: np.ndarray,
        view: CenterCrop,
        coarse: np.ndarray | None = None,
        channels: int = 3,
    ):
        super().__init__(taxonomy, fine, ids, (view.size, view.size, channels), coarse)
        self.view = view
        self.replace: Replace | None = None
        self.advice = "Replace or remove it."
        self.cache: DecodedCache | None = None
        self._lock = threading.Lock()

    @abc.abstractmethod
    def encoded(self, index: int) -> bytes:
        """The bytes of an image."""

    def origin(self, index: int) -> Origin:
        """Where the bytes of an image are from; by default they name themselves."""
        return Origin(hashlib.sha256(self.encoded(index)).hexdigest())

    def _contents(self, indices: np.ndarray) -> Iterator[bytes]:
        return (self._readable(int(index)) for index in indices)

    def _readable(self, index: int) -> bytes:
        """The bytes of an image; none where they cannot be read, which is found when it is seen."""
        try:
            return self.encoded(index)
        except OSError:
            return b""

    def where(self, index: int) -> str:
        """What to call an image in a message."""
        return str(self.ids[index])

    def is_decodable(self, index: int) -> bool:
        """Whether all of an image can be decoded, and so any window of it."""
        try:
            encoded = self.encoded(index)
            check_decodable(encoded, read_image_header(encoded))
        except (InputError, OSError):
            return False
        return True

    def images(
        self, indices: tf.Tensor, view: View | None = None, seeds: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Decodes images.

        Args:
            indices: `(n,)` int64.
            view: which windows to see; by default that of the source.
            seeds: `(n,)` int64, of what is random about a view.

        Returns:
            `(n * view.num_windows, view.size, view.size, channels)` uint8, an image's windows one
            after the other.

        Raises:
            InputError: an image that cannot be decoded, unless `replace` gives another, or that
                cannot be written to `cache`. Where a graph reads, TensorFlow makes an error of its
                own of it; see `Source.reading`.
        """
        view = self.view if view is None else view
        seeds = tf.zeros_like(indices) if seeds is None else seeds
        images = tf.numpy_function(
            lambda places, numbers: self._read(places.tolist(), numbers.tolist(), view),
            [indices, seeds],
            tf.uint8,
            stateful=False,
        )
        num_images = indices.shape[0] and indices.shape[0] * view.num_windows
        shape = (num_images, view.size, view.size, self.image_shape[-1])
        return tf.ensure_shape(images, shape)

    def _read(self, indices: Sequence[int], seeds: Sequence[int], view: View) -> np.ndarray:
        is_kept = self.cache is not None and self.cache.serves(view)
        if indices and view.num_windows == 1 and not is_kept:
            together = self._read_jpegs(indices, seeds, view)
            if together is not None:
                return together
        shape = (len(indices), view.num_windows, view.size, view.size, self.image_shape[-1])
        images = np.empty(shape, np.uint8)
        try:
            for place, (index, seed) in enumerate(zip(indices, seeds, strict=True)):
                images[place] = self._windows(index, seed, view)
        except InputError as error:
            self.failures.append(error)
            raise
        return images.reshape(-1, *shape[2:])

    def _read_jpegs(
        self, indices: Sequence[int], seeds: Sequence[int], view: View
    ) -> np.ndarray | None:
        """Images that are all JPEGs and all good; None where one is not, to be read one by one."""
        encoded: list[bytes] = []
        headers: list[ImageHeader] = []
        windows: list[Window] = []
        try:
            for index, seed in zip(indices, seeds, strict=True):
                encoded.append(self.encoded(index))
                headers.append(read_image_header(encoded[-1]))
                if headers[-1].kind != "JPEG":
                    return None
                height, width = headers[-1].height, headers[-1].width
                windows += view.windows(height, width, random.Random(seed))
            return decode_jpegs(encoded, headers, windows, view.size, self.image_shape[-1])
        except (InputError, OSError, tf.errors.InvalidArgumentError):
            return None

    def _windows(self, index: int, seed: int, view: View) -> np.ndarray:
        """The windows of an image, or of the one that replaces it."""
        shown = index
        while True:
            try:
                return self._decode(shown, seed, view)
            except CacheError:
                raise
            except (InputError, OSError) as error:
                reason = reason_of(error)
                if self.replace is None:
                    raise self._bad(shown, reason) from error
            with self._lock:
                shown = self.replace(shown, reason)

    def _decode(self, index: int, seed: int, view: View) -> np.ndarray:
        rng = random.Random(seed)
        if self.cache is not None and self.cache.serves(view):
            return self.cache.windows(self.origin(index), lambda: self.encoded(index), view, rng)
        return decode_view(self.encoded(index), view, rng, self.image_shape[-1])

    def _bad(self, index: int, reason: str) -> InputError:
        return InputError(
            f"{self.where(index)} cannot be read as an image: {reason}. {self.advice}"
        )
