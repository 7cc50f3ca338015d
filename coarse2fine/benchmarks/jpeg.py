"""Training batches from JPEG files against bare decoding, resizing and cropping of the same."""

import dataclasses
import math
import os
import pathlib
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from coarse2fine.benchmarks.measurement import Measurement, Settings, of_pairs
from coarse2fine.benchmarks.timing import time_pairs
from coarse2fine.data import Schedule, training_batches
from coarse2fine.data.file_source import FileSource
from coarse2fine.data.views import CenterCrop
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training.preprocessing import make_preprocessing

_Read = Callable[[tf.Tensor], tf.Tensor]  # From an encoded image to its crop.

_AHEAD = 3

_MEAN = (123.7, 116.3, 103.5)
_CLASSES = Taxonomy(("a", "b", "c", "d"), ("x", "y"), (0, 0, 1, 1))


@dataclasses.dataclass(frozen=True)
class Jpegs:
    """Files of about a photograph's size and detail, and how they are read.

    Attributes:
        num_files: how many.
        height: of an image.
        width: of an image.
        size: height and width of the crops.
        shorter_side: what images are resized to before a random crop.
        batch_size: images a batch.
        batches: batches a timing.
        rest: seconds after each timing, in which the pipelines make what they make ahead.
    """

    num_files: int = 256
    height: int = 375
    width: int = 500
    size: int = 224
    shorter_side: int = 256
    batch_size: int = 64
    batches: int = 8
    rest: float = 0.5

    def write(self, folder: pathlib.Path) -> np.ndarray:
        """Makes the files, the same ones each time; returns their names as objects."""
        folder.mkdir(parents=True)
        rng = np.random.default_rng(0)
        names = [f"{number}.jpg" for number in range(self.num_files)]
        for name in names:
            image = self._image(rng)
            (folder / name).write_bytes(tf.io.encode_jpeg(image, quality=90).numpy())
        return np.array(names, object)

    def _image(self, rng: np.random.Generator) -> tf.Tensor:
        """Noise of all scales, the finer the fainter, as in photographs."""
        image = tf.zeros((self.height, self.width, 3))
        cells = 2
        while cells <= self.width:
            noise = rng.normal(scale=110 / cells**0.5, size=(cells, cells, 3))
            image += tf.image.resize(noise, (self.height, self.width), "bicubic")
            cells *= 2
        return tf.saturate_cast(image + 128, tf.uint8)


PHOTOGRAPHS = Jpegs()


def measure_jpeg(settings: Settings, jpegs: Jpegs) -> list[Measurement]:
    """Images a second of the training batches, over those of bare operations on the same cores.

    Args:
        settings: of all benchmarks.
        jpegs: the files, and how they are read.
    """
    folder = settings.workdir / "jpeg"
    names = jpegs.write(folder)
    paths = [str(folder / name) for name in names]
    kilobytes = np.mean([os.path.getsize(path) for path in paths]) / 1000
    measurements, watch = [], _Watch()
    for augment, read in (
        ("random_crop", _random_crop(jpegs)),
        ("random_resized_crop", _random_resized_crop(jpegs)),
    ):
        ours = watch.reading(_ours(folder, names, jpegs, augment), jpegs)
        bare = watch.reading(_bare(paths, jpegs, read), jpegs)
        times = time_pairs(ours, bare, settings.pairs, clock=lambda: watch.seconds)
        rates = [
            jpegs.batch_size * jpegs.batches / np.median(seconds)
            for seconds in (times.first, times.second)
        ]
        measurements.append(
            of_pairs(
                f"pipeline/jpeg/{augment}",
                1 / times.ratios,
                bound=0.90,
                note=(
                    f"images/s of training batches from JPEG files, {augment} of {jpegs.size}, "
                    f"over a tf.data map of tf.io and tf.image on {os.cpu_count()} cores, images "
                    f"of {jpegs.width}x{jpegs.height} and {kilobytes:.0f} kB, batch "
                    f"{jpegs.batch_size} ({rates[0]:.0f} and {rates[1]:.0f} images/s)"
                ),
                is_upper_bound=False,
                low_bound=0.85,
            )
        )
    return measurements


def _ours(folder: pathlib.Path, names: np.ndarray, jpegs: Jpegs, augment: str) -> tf.data.Dataset:
    fine = np.arange(len(names)) % _CLASSES.num_fine
    view = CenterCrop(jpegs.size, jpegs.shorter_side)
    source = FileSource(folder, names, _CLASSES, fine, _CLASSES.coarsen(fine), view)
    preprocess = make_preprocessing("center", {"mean": np.array(_MEAN)}, source.image_shape)
    order = np.arange(len(names))
    middle = len(names) // 2
    schedule = Schedule(middle, len(names) - middle, jpegs.batch_size, seed=0)
    return training_batches(source, order[:middle], order[middle:], schedule, preprocess, augment)


def _bare(paths: list[str], jpegs: Jpegs, read: _Read) -> tf.data.Dataset:
    def image(path: tf.Tensor) -> tf.Tensor:
        pixels = tf.image.random_flip_left_right(read(tf.io.read_file(path)))
        return tf.ensure_shape(pixels, (jpegs.size, jpegs.size, 3)) - tf.constant(_MEAN)

    options = tf.data.Options()
    options.autotune.enabled = False  # As in training batches.
    return (
        tf.data.Dataset.from_tensor_slices(paths)
        .shuffle(len(paths), seed=0)
        .repeat()
        .map(image, num_parallel_calls=os.cpu_count(), deterministic=True)
        .batch(jpegs.batch_size, drop_remainder=True)
        .prefetch(2)
        .with_options(options)
    )


def _random_crop(jpegs: Jpegs) -> _Read:
    def read(encoded: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_jpeg(encoded, channels=3)
        shape = tf.cast(tf.shape(image)[:2], tf.float32)
        target = tf.cast(tf.round(shape * jpegs.shorter_side / tf.reduce_min(shape)), tf.int32)
        resized = tf.image.resize(image, target, antialias=True)
        return tf.image.random_crop(resized, (jpegs.size, jpegs.size, 3))

    return read


def _random_resized_crop(jpegs: Jpegs) -> _Read:
    def read(encoded: tf.Tensor) -> tf.Tensor:
        # Windows of the same sizes as ours. Those of `tf.image.sample_distorted_bounding_box` have
        # on average .37 of the image's area, and ours .43, which would be other work.
        sides = tf.cast(tf.io.extract_jpeg_shape(encoded)[:2], tf.float32)
        area = tf.reduce_prod(sides) * tf.random.uniform((10,), 0.08, 1.0)
        shape = tf.exp(tf.random.uniform((10,), math.log(3 / 4), math.log(4 / 3)))
        drawn = tf.sqrt(tf.stack([area / shape, area * shape], axis=1))
        first = tf.argmax(tf.cast(tf.reduce_all(drawn <= sides, axis=1), tf.int32))
        extent = tf.minimum(drawn[first], sides)
        begin = tf.random.uniform((2,)) * (sides - extent)
        window = tf.cast(tf.concat([begin, extent], axis=0), tf.int32)
        image = tf.io.decode_and_crop_jpeg(encoded, window, channels=3)
        return tf.image.resize(image, (jpegs.size, jpegs.size), antialias=True)

    return read


class _Watch:
    """A clock that runs while batches are read that nothing had made before.

    Attributes:
        seconds: that it has run.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def reading(self, data: tf.data.Dataset, jpegs: Jpegs) -> Callable[[], None]:
        """What reads some more batches of a pipeline that runs on."""
        batches = iter(data)

        def read() -> None:
            # Those that were made ahead, and the one begun, while nothing was timed.
            for _ in range(_AHEAD):
                next(batches)
            start = time.perf_counter()
            for _ in range(jpegs.batches):
                next(batches)
            self.seconds += time.perf_counter() - start
            # The pipeline goes on until it is as far ahead again: not in the other one's time.
            time.sleep(jpegs.rest)

        return read
