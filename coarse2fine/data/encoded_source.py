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
from coarse2fine.data.image_header import read_image_header
from coarse2fine.data.jpeg_batch import TYPES, JpegPart, columns_of, decode_jpeg
from coarse2fine.data.source import Source
from coarse2fine.data.views import CenterCrop, View
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
        self._known_bad: set[int] = set()

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
            check_decodable(encoded, read_image_header(encoded), self.image_shape[-1])
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
        shape = (len(indices), view.num_windows, view.size, view.size, self.image_shape[-1])
        images = np.empty(shape, np.uint8)
        try:
            for place, (index, seed) in enumerate(zip(indices, seeds, strict=True)):
                images[place] = self._windows(index, seed, view)
        except InputError as error:
            self.failures.append(error)
            raise
        return images.reshape(-1, *shape[2:])

    def decodes_in_graph(self, view: View | None = None) -> bool:
        """Whether `images_in_graph` reads images through this view."""
        view = self.view if view is None else view
        return view.num_windows == 1 and not (self.cache is not None and self.cache.serves(view))

    def images_in_graph(
        self, indices: tf.Tensor, view: View | None = None, seeds: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Decodes images as `images` does, sooner: JPEGs by operations of the graph, side by side.

        A JPEG whose data is damaged is an error of the graph, since a graph catches none. Then
        `images` says what there is to say, or gives another image.

        Args:
            indices: `(n,)` int64, n known; each image adds its operations to the graph.
            view: as of `images`; one that `decodes_in_graph`.
            seeds: as of `images`.

        Returns:
            As `images`.
        """
        view = self.view if view is None else view
        size, channels = view.size, self.image_shape[-1]
        *columns, number, others = tf.numpy_function(
            lambda places, numbers: self._prepare(places.tolist(), numbers.tolist(), view),
            [indices, tf.zeros_like(indices) if seeds is None else seeds],
            [*TYPES, tf.int32, tf.uint8],
            stateful=False,
        )
        others = tf.ensure_shape(others, (None, size, size, channels))

        @tf.function(autograph=False)  # So that it is made once, and not for each image.
        def image(number: tf.Tensor, *row: tf.Tensor) -> tf.Tensor:
            return tf.cond(
                number < 0,
                lambda: decode_jpeg(row, size, channels),
                lambda: others[number],
            )

        rows = zip(*(tf.unstack(c, indices.shape[0]) for c in (number, *columns)), strict=True)
        return tf.stack([image(*row) for row in rows])

    def _prepare(
        self, indices: Sequence[int], seeds: Sequence[int], view: View
    ) -> tuple[np.ndarray, ...]:
        """The columns of the JPEGs' parts; each image's place among the others or -1; the others.

        The others are decoded here: images of other kinds, and those that are known to be bad.
        """
        parts: list[JpegPart | None] = []
        numbers: list[int] = []
        others: list[np.ndarray] = []
        for index, seed in zip(indices, seeds, strict=True):
            parts.append(self._jpeg_part(index, seed, view))
            numbers.append(-1 if parts[-1] else len(others))
            if parts[-1] is None:
                others.append(self._windows(index, seed, view)[0])
        shape = (len(others), view.size, view.size, self.image_shape[-1])
        stacked = np.array(others, np.uint8).reshape(shape)
        return *columns_of(parts), np.array(numbers, np.int32), stacked

    def _jpeg_part(self, index: int, seed: int, view: View) -> JpegPart | None:
        if index in self._known_bad:
            return None
        try:
            encoded = self.encoded(index)
            header = read_image_header(encoded)
        except (InputError, OSError):
            return None
        if header.kind != "JPEG":
            return None
        (window,) = view.windows(header.height, header.width, random.Random(seed))
        return JpegPart.of(encoded, header, window, view.size)

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
                self._known_bad.add(shown)
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
