"""Images with random access, and their labels."""

import abc
import contextlib
import copy
import hashlib
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import tensorflow as tf

from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.taxonomy.taxonomy import integer_labels

GIVEN = "(given)"

_NUM_SAMPLED = 64


class Source(abc.ABC):
    """One split of a data set.

    A subclass says how images are read; labels and ids are in memory.

    Args:
        taxonomy: of the labels.
        fine: `(n,)` fine labels, -1 where an image has none.
        coarse: `(n,)` coarse labels; by default the parents of `fine`.
        ids: `(n,)` distinct texts that name the images, whatever their order.
        image_shape: `(height, width, channels)` of every image.

    Attributes:
        dataset: the name that `load_source` found it by; `GIVEN` for a source made in Python.
        dropped: for each class of the data set that the taxonomy does not name, how many of its
            images were left out.
        failures: why images could not be read. TensorFlow turns what is raised within its graphs
            into errors of its own, so `reading` looks here.

    Raises:
        InputError: labels that do not fit the taxonomy, ids that repeat, or images that have
            neither 1 nor 3 channels.
    """

    dataset = GIVEN

    def __init__(
        self,
        taxonomy: Taxonomy,
        fine: np.ndarray,
        ids: np.ndarray,
        image_shape: tuple[int, int, int],
        coarse: np.ndarray | None = None,
    ):
        self.dropped: dict[str, int] = {}
        self.failures: list[InputError] = []
        self.taxonomy = taxonomy
        self.fine = _read_labels("fine", fine, -1, taxonomy.num_fine)
        coarse = taxonomy.coarsen(self.fine) if coarse is None else coarse
        self.coarse = _read_labels("coarse", coarse, 0, taxonomy.num_coarse)
        # As objects: an array of fixed width takes several times their memory.
        self.ids = np.array([*map(str, ids)], object)
        self.image_shape = tuple(image_shape)
        self._check_labels_fit()
        self._check_images()

        self._check_ids()

    def _check_images(self) -> None:
        if self.image_shape[-1] not in (1, 3):
            raise InputError(f"Images have shape {self.image_shape}, expected 1 or 3 channels.")

    def _check_ids(self) -> None:
        if len(set(self.ids)) != len(self.ids):
            values, counts = np.unique(self.ids, return_counts=True)
            raise InputError(f"The id {values[counts > 1][0]!r} names more than one image.")

    def _check_labels_fit(self) -> None:
        lengths = {len(self.fine), len(self.coarse), len(self.ids)}
        if len(lengths) > 1:
            raise InputError(
                f"A source has {len(self.fine)} fine labels, {len(self.coarse)} coarse labels and "
                f"{len(self.ids)} ids, expected as many of each."
            )
        differs = (self.fine >= 0) & (self.taxonomy.coarsen(self.fine) != self.coarse)
        if differs.any():
            i = int(np.flatnonzero(differs)[0])
            raise InputError(
                f"Image {self.ids[i]} has fine label "
                f"{self.taxonomy.fine_names[self.fine[i]]!r} and coarse label "
                f"{self.taxonomy.coarse_names[self.coarse[i]]!r}, which is not its parent "
                f"({differs.sum()} such images)."
            )

    def with_fine(self, fine: np.ndarray) -> Self:
        """The same images with other fine labels below their coarse ones.

        Args:
            fine: `(n,)` fine labels, -1 where an image has none.

        Raises:
            InputError: labels that do not fit the taxonomy or the coarse labels.
        """
        other = copy.copy(self)
        other.fine = _read_labels("fine", fine, -1, self.taxonomy.num_fine)
        other._check_labels_fit()
        return other

    def fingerprint(self) -> str:
        """A SHA-256 of ids, labels and a few dozen images spread over the source."""
        digest = hashlib.sha256(self.taxonomy.fingerprint.encode())
        order = np.array(sorted(range(len(self)), key=self.ids.__getitem__), np.int64)
        for text in self.ids[order]:
            encoded = text.encode()
            digest.update(len(encoded).to_bytes(8, "little") + encoded)
        for values in (self.fine[order], self.coarse[order]):
            digest.update(values.tobytes())
        sample = order[:: max(1, len(order) // _NUM_SAMPLED)]
        for content in self._contents(sample):
            digest.update(content)
        return digest.hexdigest()

    def _contents(self, indices: np.ndarray) -> Iterator[bytes]:
        """What makes these images what they are, for the fingerprint."""
        return (images.tobytes() for images in self.chunks(indices))

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The example `{"image", "fine", "coarse", "id"}` at `index`."""
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} of {len(self)} images")
        return {
            "image": self.images(tf.constant([index], tf.int64))[0].numpy(),
            "fine": int(self.fine[index]),
            "coarse": int(self.coarse[index]),
            "id": str(self.ids[index]),
        }

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Around whatever reads images in a graph: what stopped the reading is raised as it is."""
        try:
            yield
        except tf.errors.OpError as error:
            # Several batches are read at a time, and not every error is of the reading: it is the
            # failure whose text it repeats.
            for failure in self.failures:
                if str(failure) in error.message:
                    raise failure from error
            raise

    @abc.abstractmethod
    def images(self, indices: tf.Tensor) -> tf.Tensor:
        """Reads images; callable in a graph.

        Args:
            indices: `(n,)` int64.

        Returns:
            `(n, *image_shape)` uint8.
        """

    def chunks(self, indices: np.ndarray, size: int = 1000) -> Iterator[np.ndarray]:
        """Yields the images at `indices`, each time `(size, *image_shape)`, at last fewer."""
        for start in range(0, len(indices), size):
            with self.reading():
                images = self.images(tf.constant(indices[start : start + size], tf.int64))
            yield images.numpy()


class ArraySource(Source):
    """Images that are in memory.

    Args:
        images: `(n, height, width, channels)` uint8.
        taxonomy: of the labels.
        fine: `(n,)` fine labels, -1 where an image has none.
        ids: `(n,)` distinct texts; by default the positions.
        coarse: `(n,)` coarse labels; by default the parents of `fine`.
    """

    def __init__(
        self,
        images: np.ndarray,
        taxonomy: Taxonomy,
        fine: np.ndarray,
        ids: np.ndarray | None = None,
        coarse: np.ndarray | None = None,
    ):
        if images.ndim != 4 or images.dtype != np.uint8:
            raise InputError(
                f"images has shape {images.shape} and dtype {images.dtype}, expected "
                "(n, height, width, channels) uint8."
            )
        ids = np.arange(len(images)).astype(np.str_) if ids is None else ids
        super().__init__(taxonomy, fine, ids, images.shape[1:], coarse)
        if len(images) != len(self):
            raise InputError(f"{len(images)} images and {len(self)} labels, expected as many.")
        with tf.device("CPU"):
            self._images = tf.constant(images)

    def images(self, indices: tf.Tensor) -> tf.Tensor:
        """Gathers the images; see `Source.images`."""
        return tf.gather(self._images, indices)


def _read_labels(level: str, labels: np.ndarray, first: int, stop: int) -> np.ndarray:
    """Labels as int64; raises `InputError` where they are not integers from `first` on."""
    labels = integer_labels(f"{level} labels", labels)
    if labels.ndim != 1:
        raise InputError(f"{level} labels have shape {labels.shape}, expected (n,).")
    bad = np.flatnonzero((labels < first) | (labels >= stop))
    if len(bad):
        raise InputError(
            f"{level} label {labels[bad[0]]} at position {bad[0]} is out of range, expected "
            f"{first} to {stop - 1} ({len(bad)} such labels)."
        )
    return labels
