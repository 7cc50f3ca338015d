"""From a source and a partition to batches."""

import atexit
import dataclasses
import gc
import math
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from coarse2fine.data.augmentation import AUGMENTATIONS
from coarse2fine.data.encoded_source import EncodedSource
from coarse2fine.data.partition import Partition
from coarse2fine.data.schedule import Schedule
from coarse2fine.data.source import Source
from coarse2fine.data.views import RandomCrop, RandomResizedCrop, View
from coarse2fine.errors import InputError, check_known

LABELS = ("mixed", "fine", "oracle", "coarse")

# Those that are made of an encoded image, before it is preprocessed, and those made after.
_CROPS = ("random_crop", "random_resized_crop")
AUGMENT = (*AUGMENTATIONS, *_CROPS)

# Of the images that a core makes at a time. So all cores work on one batch, and what they hold
# grows with their number and not with the batch. Larger arrays are also new memory each time, which
# takes longer to get than to fill.
_PART_BYTES = 2**23

# Of encoded images, each of which has operations of its own in the graph of a part.
_MOST_DECODED = 8

Preprocess = Callable[[tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Slice:
    """What one process makes of every batch: the parts of some of the replicas.

    Attributes:
        first: the first of its replicas.
        count: how many replicas it has.
        total: how many there are in all; batches are cut into so many equal parts.
    """

    first: int
    count: int
    total: int

    def positions(self, parts: int, begin: int, end: int | None) -> tf.data.Dataset:
        """The places of its parts among those of all batches from `begin` to before `end`.

        Args:
            parts: how many a replica has of a batch.
            begin: a batch.
            end: another; None for no end.
        """
        own = self.count * parts
        last = np.iinfo(np.int64).max if end is None else end * own
        numbers = tf.data.Dataset.range(begin * own, last)
        if self.count == self.total:
            return numbers
        return numbers.map(
            lambda number: number // own * (self.total * parts) + self.first * parts + number % own
        )


WHOLE = Slice(0, 1, 1)


def select_labels(partition: Partition, labels: str) -> tuple[np.ndarray, np.ndarray]:
    """The images that a run learns from: those with a fine label to use, and those without.

    Args:
        partition: of the training set.
        labels: `mixed` (fine labels of S_fine, coarse labels of both parts), `fine` (S_fine alone),
            `oracle` (fine labels of both parts) or `coarse` (coarse labels of both parts).
    """
    check_known("labels", labels, LABELS)
    both = np.concatenate([partition.fine_labelled, partition.coarse_only])
    none = np.empty(0, np.int64)
    return {
        "mixed": (partition.fine_labelled, partition.coarse_only),
        "fine": (partition.fine_labelled, none),
        "oracle": (both, none),
        "coarse": (none, both),
    }[labels]


def training_batches(
    source: Source,
    fine_labelled: np.ndarray,
    coarse_only: np.ndarray,
    schedule: Schedule,
    preprocess: Preprocess,
    augment: str = "none",
    first_step: int = 0,
    replicas: Slice = WHOLE,
) -> tf.data.Dataset:
    """Endless training batches; batch t is a pure function of t.

    Args:
        source: of the images.
        fine_labelled: indices of images whose fine label may be used.
        coarse_only: indices of images whose fine label is left in the source.
        schedule: which image stands where.
        preprocess: batch of uint8 images to batch of float32 ones.
        augment: a name of `AUGMENT`.
        first_step: of the first batch.
        replicas: those whose parts of the batches to make, one after the other.

    Returns:
        Batches: `(image, {"fine", "coarse"}, {"fine": has_fine, "coarse": ones})`, image
        `(batch, height, width, channels)` float32, labels `(batch,)` int64, weights `(batch,)`
        float32. A coarse-only image's fine label is 0 with weight 0.
    """
    view, change = _augmentation(source, augment)
    index = tf.constant(np.concatenate([fine_labelled, coarse_only]), tf.int64)
    fine = np.zeros(len(index), np.int64)
    fine[: len(fine_labelled)] = source.fine[fine_labelled]
    fine = tf.constant(fine)
    coarse = tf.constant(source.coarse[index.numpy()])

    size, parts = _parts(source, schedule.batch_size // replicas.total)

    def part(position, read):
        places = schedule.places(position, size)
        number, has_fine = schedule.images(places)

        def random_integers(draw: int, count: int) -> tf.Tensor:
            return schedule.random_integers(places, draw, count)

        seen = () if view is None else (view, random_integers(0, 2**31))
        images = change(preprocess(read(tf.gather(index, number), *seen)), random_integers)
        labels = {"fine": tf.gather(fine, number), "coarse": tf.gather(coarse, number)}
        return images, labels, {"fine": has_fine, "coarse": tf.ones_like(has_fine)}

    return _parallel(source, view, replicas.positions(parts, first_step, None), part, parts)


def _augmentation(source: Source, augment: str) -> tuple[View | None, Callable]:
    """The view that images are read through, and what changes preprocessed ones."""
    check_known("augment", augment, AUGMENT)
    if augment not in _CROPS:
        return None, AUGMENTATIONS[augment]
    if not isinstance(source, EncodedSource):
        raise InputError(
            f"augment={augment} crops images as they are read from files, and those of "
            f"{source.dataset!r} are in memory in one size. Use crop_flip."
        )
    view: View = (
        RandomCrop(source.view.size, source.view.shorter_side)
        if augment == "random_crop"
        else RandomResizedCrop(source.view.size)
    )
    return view, AUGMENTATIONS["none"]


def view_batches(
    source: EncodedSource, indices: np.ndarray, batch_size: int, preprocess: Preprocess, view: View
) -> tf.data.Dataset:
    """One pass over several windows of images, in order.

    Returns:
        Batches `(num * view.num_windows, height, width, channels)` float32, the windows of an
        image one after the other, `num` images at a time so that a batch has about `batch_size`
        windows; the last batch is filled up with its first image.
    """
    num_images = max(1, batch_size // view.num_windows)
    index = tf.constant(indices, tf.int64)
    size, parts = _parts(source, num_images, view)

    def part(position, read):
        place = position * size + tf.range(size, dtype=tf.int64)
        place = tf.where(place < len(indices), place, 0)
        return preprocess(read(tf.gather(index, place), view))

    positions = WHOLE.positions(parts, 0, -(-len(indices) // num_images))
    return _parallel(source, view, positions, part, parts)


def evaluation_batches(
    source: Source,
    indices: np.ndarray,
    batch_size: int,
    preprocess: Preprocess,
    replicas: Slice = WHOLE,
) -> tf.data.Dataset:
    """One pass over `indices` in order, in batches of one size.

    The last batch is filled up with the first image at weight 0, so that replicas get equal parts;
    `replicas` are those whose parts to make, one after the other.

    Returns:
        Batches as of `training_batches`; an image without a fine label has label 0 and weight 0.
    """
    num_images = len(indices)
    index = tf.constant(indices, tf.int64)
    fine = tf.constant(source.fine[indices])
    coarse = tf.constant(source.coarse[indices])
    size, parts = _parts(source, batch_size // replicas.total)

    def part(position, read):
        place = position * size + tf.range(size, dtype=tf.int64)
        is_image = place < num_images
        place = tf.where(is_image, place, 0)
        labels = {"fine": tf.gather(fine, place), "coarse": tf.gather(coarse, place)}
        has_fine = tf.cast(is_image & (labels["fine"] >= 0), tf.float32)
        labels["fine"] = tf.maximum(labels["fine"], 0)
        images = preprocess(read(tf.gather(index, place)))
        return images, labels, {"fine": has_fine, "coarse": tf.cast(is_image, tf.float32)}

    positions = replicas.positions(parts, 0, -(-num_images // batch_size))
    return _parallel(source, None, positions, part, parts)


def _parts(source: Source, batch_size: int, view: View | None = None) -> tuple[int, int]:
    """How many images of a batch are made at a time, and how many times that is a batch.

    Args:
        source: of the images.
        batch_size: images a batch.
        view: that the images are read through, where it is not the source's own.
    """
    shape = source.image_shape
    if view is not None:
        shape = (view.num_windows * view.size, view.size, shape[-1])
    most = max(1, _PART_BYTES // (4 * math.prod(shape)))
    if isinstance(source, EncodedSource):
        most = min(most, _MOST_DECODED)
    size = next(n for n in range(min(most, batch_size), 0, -1) if batch_size % n == 0)
    return size, batch_size // size


def _parallel(
    source: Source, view: View | None, positions: tf.data.Dataset, part: Callable, parts: int
) -> tf.data.Dataset:
    """Batches of so many parts each.

    Args:
        source: of the images.
        view: that they are read through; None for the source's own.
        positions: of the parts.
        part: from a position, and what reads images at indices, to that part.
        parts: of a batch.
    """
    # With autotuning, the end of a finite data set can wait for the tuner's next wake-up, up to a
    # minute away; so parallelism and prefetching are set by hand.
    options = tf.data.Options()
    options.autotune.enabled = False
    make = _reading(part, source.images)
    if isinstance(source, EncodedSource) and source.decodes_in_graph(view):
        make = _first_that_can(_reading(part, source.images_in_graph), make, options)
    made = positions.map(make, num_parallel_calls=os.cpu_count(), deterministic=True)
    if parts > 1:
        made = made.batch(parts, drop_remainder=True).map(_joined)
    return made.prefetch(2).with_options(options)


def _reading(part: Callable, read: Callable) -> Callable:
    """From a position to the part that reads its images so."""
    # AutoGraph would also go through the Python that reads images, each time.
    return tf.autograph.experimental.do_not_convert(lambda position: part(position, read))


def _first_that_can(quick: Callable, safe: Callable, options: tf.data.Options) -> Callable:
    """What makes a part the quick way, and the safe way where that ends in an error."""

    def make(position: tf.Tensor) -> Any:
        # Of all graphs, that of a dataset alone goes on after an error. It begins with the second
        # way where the first has given nothing.
        one = tf.data.Dataset.from_tensors(position)
        either = one.map(quick).ignore_errors().concatenate(one.map(safe)).take(1)
        return either.with_options(options).get_single_element()

    return tf.autograph.experimental.do_not_convert(make)


def _joined(*parts: Any) -> Any:
    """`(parts, size, ...)` as `(parts * size, ...)`."""
    joined = tf.nest.map_structure(
        lambda tensor: tf.reshape(tensor, (-1, *tensor.shape[2:])), parts
    )
    return joined if len(joined) > 1 else joined[0]


@atexit.register
def _free_iterators() -> None:
    """Frees, before the interpreter ends, the iterators that garbage and the last error hold.

    Image files are read in Python. An endless iterator that is freed at the very end would wait
    there, for ever, for a call into Python that no longer returns.
    """
    for name in ("last_exc", "last_value", "last_traceback"):
        vars(sys).pop(name, None)
    gc.collect()
