"""A SavedModel that serves both levels."""

import os
import pathlib
from typing import Any

import keras
import tensorflow as tf

from coarse2fine.data.views import CenterCrop
from coarse2fine.errors import InputError
from coarse2fine.files import read_json, write_json
from coarse2fine.taxonomy import Taxonomy, read_taxonomy, write_taxonomy
from coarse2fine.training.run import Run

_TOP = 5
_TAXONOMY_FILE = pathlib.Path("assets.extra") / "taxonomy.json"
_EXPORT_FILE = pathlib.Path("assets.extra") / "coarse2fine.json"


def export(run: Run, output: str | pathlib.Path) -> None:
    """Writes a run as a SavedModel with preprocessing, taxonomy and heads inside.

    It runs where only TensorFlow is installed. Its signatures take `images` and return a dict:

    - `serve_images`: `(batch, height, width, channels)` uint8 of any height and width.
    - `serve_encoded`: `(batch,)` JPEG or PNG bytes.
    - for each level of `fine` and `coarse` that the model has: `<level>_probabilities`
      `(batch, num_classes)`, `<level>_top_indices` and `<level>_top_names` `(batch, 5)` or fewer,
      best first.

    Images come to the size that the model was trained on with antialiasing: where it was trained
    on image files, as their evaluation sees them, by the middle of the image whose shorter side has
    been resized; else by stretching.

    Raises:
        InputError: `output` exists or cannot be written.
    """
    output = pathlib.Path(output)
    if os.path.lexists(output):
        raise InputError(f"{output} exists; choose another output, or remove it first.")
    server = _Server(run)
    channels = run.workdir.read_image_shape()[-1]
    archive = keras.export.ExportArchive()
    archive.track(run.model)
    archive.track(run.preprocess)
    archive.add_endpoint(
        "serve_images",
        server.serve_images,
        [tf.TensorSpec((None, None, None, channels), tf.uint8, name="images")],
    )
    archive.add_endpoint(
        "serve_encoded", server.serve_encoded, [tf.TensorSpec((None,), tf.string, name="images")]
    )
    unfinished = output.with_name(output.name + ".unfinished")
    try:
        archive.write_out(str(unfinished), verbose=False)
        (unfinished / _TAXONOMY_FILE.parent).mkdir(exist_ok=True)
        write_taxonomy(run.taxonomy, unfinished / _TAXONOMY_FILE)
        write_json(unfinished / _EXPORT_FILE, {"taxonomy": run.taxonomy.fingerprint})
        unfinished.rename(output)
    except (OSError, tf.errors.OpError) as error:
        raise InputError(f"The model cannot be written to {output}: {error}.") from error


class _Server:
    """The functions that become signatures."""

    def __init__(self, run: Run):
        self._model = run.model
        self._preprocess = run.preprocess
        data = run.workdir.read_data()
        self._image_shape = tuple(data["image_shape"])
        self._view = data["view"] and CenterCrop(**data["view"])
        self._names = {"fine": run.taxonomy.fine_names, "coarse": run.taxonomy.coarse_names}

    def serve_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._predict(self._resized(images))

    def serve_encoded(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        height, width, channels = self._image_shape

        def decode(encoded):
            image = tf.io.decode_image(encoded, channels=channels, expand_animations=False)
            return self._resized(image[tf.newaxis])[0]

        spec = tf.TensorSpec((height, width, channels), tf.float32)
        return self._predict(tf.map_fn(decode, images, fn_output_signature=spec))

    def _resized(self, images):
        height, width, channels = self._image_shape
        if self._view is None:
            images = tf.image.resize(images, (height, width), antialias=True)
        else:
            images = tf.round(_center_crops(images, self._view))
        return tf.ensure_shape(images, (None, height, width, channels))

    def _predict(self, images):
        scores = self._model(self._preprocess(images), training=False)
        outputs = {}
        for level, level_scores in scores.items():
            probabilities = tf.nn.softmax(level_scores)
            top = tf.math.top_k(probabilities, min(_TOP, len(self._names[level]))).indices
            outputs[f"{level}_probabilities"] = probabilities
            outputs[f"{level}_top_indices"] = top
            outputs[f"{level}_top_names"] = tf.gather(tf.constant(self._names[level]), top)
        return outputs


def _center_crops(images: tf.Tensor, view: CenterCrop) -> tf.Tensor:
    """What `CenterCrop` shows of images of one size, in a graph that does not know the size."""
    lengths = tf.cast(tf.shape(images)[1:3], tf.float64)
    resized = tf.cast(tf.round(lengths * (view.shorter_side / tf.reduce_min(lengths))), tf.int32)
    top, left = tf.unstack((resized - view.size) // 2)
    images = tf.image.resize(images, resized, antialias=True)
    return images[:, top : top + view.size, left : left + view.size]


class ExportedModel:
    """A SavedModel that `export` wrote.

    Args:
        path: of the SavedModel. A SavedModel is a program: load only what you trust.
        taxonomy: that it must have; any by default.

    Raises:
        InputError: a path that holds no such model, or one of another taxonomy.
    """

    def __init__(self, path: str | pathlib.Path, taxonomy: Taxonomy | None = None):
        path = pathlib.Path(path)
        if not os.path.isfile(path / _EXPORT_FILE):
            raise InputError(
                f"{path} is no model exported by coarse2fine: there is no {_EXPORT_FILE} in it."
            )
        self.taxonomy = read_taxonomy(path / _TAXONOMY_FILE)
        fingerprint = read_json(path / _EXPORT_FILE, ["taxonomy"])["taxonomy"]
        (taxonomy or self.taxonomy).check_same(fingerprint, f"Model {path}")
        try:
            self._model = tf.saved_model.load(str(path))
        except (OSError, tf.errors.OpError) as error:
            raise InputError(f"Model {path} cannot be loaded: {error}.") from error

    def predict(self, encoded: bytes) -> list[dict[str, Any]]:
        """The best classes of one image, best first.

        Args:
            encoded: JPEG or PNG bytes.

        Returns:
            For each of the best fine classes (coarse ones where the model has no fine head)
            `{"fine", "fine_probability", "coarse", "coarse_probability"}`: the class, its parent,
            and the probability that the coarse head gives to the parent.

        Raises:
            InputError: bytes that are no image.
        """
        serve = self._model.signatures["serve_encoded"]
        try:
            outputs = {
                name: value[0].numpy() for name, value in serve(tf.constant([encoded])).items()
            }
        except tf.errors.InvalidArgumentError as error:
            raise InputError("not a readable JPEG or PNG image") from error
        coarse_probabilities = outputs["coarse_probabilities"]
        if "fine_probabilities" not in outputs:
            return [
                self._named(None, None, coarse, coarse_probabilities)
                for coarse in outputs["coarse_top_indices"]
            ]
        return [
            self._named(
                fine,
                outputs["fine_probabilities"],
                self.taxonomy.parent[fine],
                coarse_probabilities,
            )
            for fine in outputs["fine_top_indices"]
        ]

    def _named(self, fine, fine_probabilities, coarse, coarse_probabilities) -> dict[str, Any]:
        named = {
            "coarse": self.taxonomy.coarse_names[coarse],
            "coarse_probability": float(coarse_probabilities[coarse]),
        }
        if fine is None:
            return named
        return {
            "fine": self.taxonomy.fine_names[fine],
            "fine_probability": float(fine_probabilities[fine]),
            **named,
        }
