"""The functions that an exported model serves."""

from typing import Any

import numpy as np
import tensorflow as tf

from coarse2fine.data.image_header import MAX_PIXELS
from coarse2fine.data.views import CenterCrop
from coarse2fine.evaluation.backing_off import LEVELS, NOTHING, BackingOff
from coarse2fine.training.run import Run

_TOP = 5
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_PNG_SIZE = 16, 24  # In its first chunk, after the length and the name of that.


class Server:
    """What becomes the signatures of an exported run.

    Args:
        run: with its model.
        backing_off: fitted on its validation images, with one view; None for a run without any.
    """

    def __init__(self, run: Run, backing_off: BackingOff | None = None):
        self._model = run.model
        self._preprocess = run.preprocess
        data = run.workdir.read_data()
        self._image_shape = tuple(data["image_shape"])
        self._view = data["view"] and CenterCrop(**data["view"])
        self._names = {"fine": run.taxonomy.fine_names, "coarse": run.taxonomy.coarse_names}
        self._backing_off = backing_off

    def serve_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers for `(batch, height, width, channels)` uint8 images."""
        return self._predict(self._resized(images))

    def serve_encoded(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers for `(batch,)` JPEG or PNG bytes."""
        return self._predict(self._decoded(images))

    def serve_backing_off(self, images: tf.Tensor, error: tf.Tensor) -> dict[str, tf.Tensor]:
        """Names `(batch,)` JPEG or PNG bytes, of which at most a share of `error` is named wrongly.

        As `BackingOff.name` does.
        """
        assert self._backing_off is not None
        scores = self._scores(self._decoded(images))
        bounds = tf.constant(self._backing_off.bounds, tf.float32)
        thresholds = tf.constant(self._backing_off.thresholds, tf.float32)
        threshold = tf.reduce_min(tf.where(bounds <= error, thresholds, np.inf))
        nothing = tf.fill(tf.shape(images)[:1], NOTHING)
        level, index, probability = nothing, nothing, tf.zeros(tf.shape(nothing))
        name = tf.fill(tf.shape(nothing), "")
        for number, each in reversed([*enumerate(LEVELS)]):
            if each not in scores:
                continue
            shares = tf.nn.softmax(scores[each] / self._backing_off.temperatures[each])
            best = tf.argmax(shares, axis=-1, output_type=tf.int32)
            highest = tf.reduce_max(shares, axis=-1)
            is_sure = highest >= threshold
            level = tf.where(is_sure, number, level)
            index = tf.where(is_sure, best, index)
            probability = tf.where(is_sure, highest, probability)
            name = tf.where(is_sure, tf.gather(tf.constant(self._names[each]), best), name)
        return {
            "level": level,
            "index": index,
            "name": name,
            "probability": probability,
            "threshold": threshold,
        }

    def _decoded(self, images):
        height, width, channels = self._image_shape

        def decode(encoded):
            with tf.control_dependencies([_check_size(encoded)]):
                image = tf.io.decode_image(encoded, channels=channels, expand_animations=False)
            return self._resized(image[tf.newaxis])[0]

        spec = tf.TensorSpec((height, width, channels), tf.float32)
        return tf.map_fn(decode, images, fn_output_signature=spec)

    def _resized(self, images):
        height, width, channels = self._image_shape
        if self._view is None:
            images = tf.image.resize(images, (height, width), antialias=True)
        else:
            images = tf.round(_center_crops(images, self._view))
        return tf.ensure_shape(images, (None, height, width, channels))

    def _scores(self, images):
        return self._model(self._preprocess(images), training=False)

    def _predict(self, images):
        outputs = {}
        for level, level_scores in self._scores(images).items():
            probabilities = tf.nn.softmax(level_scores)
            top = tf.math.top_k(probabilities, min(_TOP, len(self._names[level]))).indices
            outputs[f"{level}_probabilities"] = probabilities
            outputs[f"{level}_top_indices"] = top
            outputs[f"{level}_top_names"] = tf.gather(tf.constant(self._names[level]), top)
        return outputs


def _check_size(encoded: tf.Tensor) -> Any:
    """Fails unless the bytes are of a JPEG or PNG image whose header says a size within bounds.

    `read_image_header` does the same before training; nothing is decoded or allocated before.
    """
    is_jpeg = tf.strings.substr(encoded, 0, len(_JPEG)) == _JPEG
    is_png = tf.strings.substr(encoded, 0, len(_PNG)) == _PNG
    is_png &= tf.strings.length(encoded) >= _PNG_SIZE[1]
    is_known = tf.Assert(is_jpeg | is_png, ["It is no JPEG or PNG image."])
    with tf.control_dependencies([is_known]):
        size = tf.cond(is_jpeg, lambda: _jpeg_size(encoded), lambda: _png_size(encoded))
    num_pixels = tf.reduce_prod(tf.cast(size, tf.int64))
    is_within = tf.reduce_all(size > 0) & (num_pixels <= MAX_PIXELS)
    too_large = f"Its header says more than {MAX_PIXELS:,} pixels, or none: height and width are"
    return tf.Assert(is_within, [too_large, size])


def _jpeg_size(encoded: tf.Tensor) -> tf.Tensor:
    return tf.io.extract_jpeg_shape(encoded)[:2]


def _png_size(encoded: tf.Tensor) -> tf.Tensor:
    start, end = _PNG_SIZE
    width_and_height = tf.strings.substr(encoded, start, end - start)
    size = tf.io.decode_raw(width_and_height, tf.int32, little_endian=False)
    return tf.ensure_shape(size, (2,))[::-1]


def _center_crops(images: tf.Tensor, view: CenterCrop) -> tf.Tensor:
    """What `CenterCrop` shows of images of one size, in a graph that does not know the size.

    As where images are read for training, only the part that the crop needs is resized: of a very
    long image the whole would be any number of times larger than the image.
    """
    lengths = tf.cast(tf.shape(images)[1:3], tf.float64)
    resized = tf.round(lengths * (view.shorter_side / tf.reduce_min(lengths)))
    pixel = lengths / resized  # How large a new pixel was.
    start, length = (resized - view.size) // 2 * pixel, view.size * pixel
    reach = tf.math.ceil(tf.maximum(pixel, 1.0)) + 1  # Of the kernel, and a pixel for rounding.
    first = tf.maximum(tf.floor(start) - reach, 0.0)
    last = tf.minimum(tf.math.ceil(start + length) + reach, lengths)
    top, left = tf.unstack(tf.cast(first, tf.int32))
    bottom, right = tf.unstack(tf.cast(last, tf.int32))
    return tf.raw_ops.ScaleAndTranslate(
        images=images[:, top:bottom, left:right],
        size=[view.size, view.size],
        scale=tf.cast(1 / pixel, tf.float32),
        translation=tf.cast((first - start) / pixel, tf.float32),
        kernel_type="triangle",
        antialias=True,
    )
