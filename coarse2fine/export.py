"""A SavedModel that serves both levels."""

import os
import pathlib
import shutil
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from coarse2fine.data.decoding import decode_whole
from coarse2fine.data.image_header import ImageHeader, read_image_header
from coarse2fine.errors import InputError
from coarse2fine.files import read_json, write_json
from coarse2fine.saved_model import check_saved_model
from coarse2fine.serving import Server
from coarse2fine.taxonomy import Taxonomy, read_taxonomy, write_taxonomy
from coarse2fine.training.run import Run

_TAXONOMY_FILE = pathlib.Path("assets.extra") / "taxonomy.json"
_EXPORT_FILE = pathlib.Path("assets.extra") / "coarse2fine.json"


def export(run: Run, output: str | pathlib.Path) -> None:
    """Writes a run as a SavedModel with preprocessing, taxonomy and heads inside.

    It runs where only TensorFlow is installed. Its signatures take `images` and return a dict:

    - `serve_images`: `(batch, height, width, channels)` uint8 of any height and width.
    - `serve_encoded`: `(batch,)` JPEG or PNG bytes. Other kinds, and images whose header says more
      than 100 million pixels, are refused before anything is decoded.
    - for each level of `fine` and `coarse` that the model has: `<level>_probabilities`
      `(batch, num_classes)`, `<level>_top_indices` and `<level>_top_names` `(batch, 5)` or fewer,
      best first.

    Images come to the size that the model was trained on with antialiasing: where it was trained
    on image files, as their evaluation sees them, by the middle of the image whose shorter side has
    been resized; else by stretching.

    Raises:
        InputError: `output` exists or cannot be written; a network with operations that
            `ExportedModel` would not load.
    """
    output = pathlib.Path(output)
    if os.path.lexists(output):
        raise InputError(f"{output} exists; choose another output, or remove it first.")
    server = Server(run)
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
        _check_loadable(unfinished, run)
        unfinished.rename(output)
    except (OSError, tf.errors.OpError) as error:
        raise InputError(f"The model cannot be written to {output}: {error}.") from error


def _check_loadable(unfinished: pathlib.Path, run: Run) -> None:
    try:
        check_saved_model(unfinished)
    except InputError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise InputError(
            f"The model of the run in {run.workdir.path} cannot be exported: {error}. Put layers "
            "of Keras that compute alone in place of those that do more."
        ) from error


class ExportedModel:
    """A SavedModel that `export` wrote.

    A SavedModel is a program. One that `export` did not mark as its own is refused, and so is one
    with operations beyond those that exports have (`served_operations.py`), before any of it is
    run: none of these touches a file or runs other code. Still load models from trusted origins
    only, since this is no sandbox.

    Args:
        path: of the SavedModel.
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
            check_saved_model(path)
            self._model = tf.saved_model.load(str(path))
        except InputError as error:
            raise InputError(
                f"Model {path} cannot be loaded: {error}. Export the run again, and load models "
                "from trusted origins only."
            ) from error
        except (OSError, tf.errors.OpError) as error:
            raise InputError(f"Model {path} cannot be loaded: {error}.") from error

    def predict(self, encoded: bytes) -> list[dict[str, Any]]:
        """The best classes of one image, best first.

        Args:
            encoded: JPEG, PNG, GIF or BMP bytes, of at most 100 million pixels.

        Returns:
            For each of the best fine classes (coarse ones where the model has no fine head)
            `{"fine", "fine_probability", "coarse", "coarse_probability"}`: the class, its parent,
            and the probability that the coarse head gives to the parent.

        Raises:
            InputError: bytes that are no image, or of one that is damaged or too large.
        """
        try:
            served = self._serve(encoded, read_image_header(encoded))
        except InputError as error:
            raise InputError(f"not a readable image: {error}") from error
        outputs = {name: value[0].numpy() for name, value in served.items()}
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

    def _serve(self, encoded: bytes, header: ImageHeader) -> dict[str, tf.Tensor]:
        signatures = self._model.signatures
        if header.kind not in ("JPEG", "PNG"):
            # TensorFlow decodes all frames of a GIF, and takes a BMP's palette for grey levels.
            serve = signatures["serve_images"]
            channels = serve.structured_input_signature[1]["images"].shape[-1]
            image = decode_whole(encoded, header, channels)
            return serve(images=tf.constant(image[np.newaxis]))
        try:
            return signatures["serve_encoded"](images=tf.constant([encoded]))
        except tf.errors.InvalidArgumentError as error:
            raise InputError(f"its {header.kind} data is damaged or cut off") from error

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
