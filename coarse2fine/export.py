"""A SavedModel that serves both levels."""

import os
import pathlib
import shutil
from typing import Any

import keras
import tensorflow as tf

from coarse2fine.data.decoding import decode_whole
from coarse2fine.data.image_header import read_image_header
from coarse2fine.errors import InputError
from coarse2fine.evaluation.backing_off import LEVELS, BackingOff, check_error
from coarse2fine.evaluation.promise_text import chosen_text
from coarse2fine.files import read_json, write_json
from coarse2fine.saved_model import check_saved_model
from coarse2fine.serving import Server
from coarse2fine.taxonomy import Taxonomy, read_taxonomy, write_taxonomy
from coarse2fine.training.batch_size import Say
from coarse2fine.training.run import Run

_TAXONOMY_FILE = pathlib.Path("assets.extra") / "taxonomy.json"
_EXPORT_FILE = pathlib.Path("assets.extra") / "coarse2fine.json"


def export(run: Run, output: str | pathlib.Path, say: Say = lambda line: None) -> None:
    """Writes a run as a SavedModel with preprocessing, taxonomy and heads inside.

    It runs where only TensorFlow is installed. Its signatures take `images` and return a dict:

    - `serve_images`: `(batch, height, width, channels)` uint8 of any height and width.
    - `serve_encoded`: `(batch,)` JPEG or PNG bytes. Other kinds, and images whose header says more
      than 100 million pixels, are refused before anything is decoded.
    - for each level of `fine` and `coarse` that the model has: `<level>_probabilities`
      `(batch, num_classes)`, `<level>_top_indices` and `<level>_top_names` `(batch, 5)` or fewer,
      best first.

    Where the run's evaluation has calibrated it (`evaluate` with `error`), there is one more:

    - `serve_backing_off`: `images` as of `serve_encoded`, and `error`, a float32 error rate to keep
      below. For each image: `level` (0 fine, 1 coarse, -1 nothing), `index` and `name` of the class
      on that level (-1 and an empty text for nothing) and its `probability` at the level's
      temperature, 0 for nothing; and the `threshold` that probabilities had to reach, infinity
      where no such rate can be promised. `BackingOff` says what is promised.

    Images come to the size that the model was trained on with antialiasing: where it was trained
    on image files, as their evaluation sees them, by the middle of the image whose shorter side has
    been resized; else by stretching.

    Args:
        run: with its model.
        output: the folder to make.
        say: takes a line where `serve_backing_off` promises nothing, since validation images chose
            something.

    Raises:
        InputError: `output` exists or cannot be written; a network with operations that
            `ExportedModel` would not load; a calibration of other weights or of several views.
    """
    output = pathlib.Path(output)
    if os.path.lexists(output):
        raise InputError(f"{output} exists; choose another output, or remove it first.")
    calibration = run.workdir.calibration_file
    levels = LEVELS if run.model.has_fine_head else ("coarse",)
    backing_off = None
    if calibration.exists():
        backing_off = BackingOff.load(calibration, 1, run.step, levels)
        if backing_off.validation_chose:
            reason = chosen_text(backing_off.validation_chose)
            say(f"serve_backing_off promises no error rate: {reason}.")
    server = Server(run, backing_off)
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
    if backing_off is not None:
        archive.add_endpoint(
            "serve_backing_off",
            server.serve_backing_off,
            [
                tf.TensorSpec((None,), tf.string, name="images"),
                tf.TensorSpec((), tf.float32, name="error"),
            ],
        )
    unfinished = output.with_name(output.name + ".unfinished")
    # A model that serves needs none of the gradients that layers define for training.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    try:
        archive.write_out(str(unfinished), options, verbose=False)
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
        served = self._answer(encoded, "serve_encoded")
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

    def name(self, encoded: bytes, error: float) -> dict[str, Any]:
        """The class that one image is named by at an asked error rate, by `serve_backing_off`.

        Args:
            encoded: as of `predict`.
            error: the rate, more than 0 and less than 1.

        Returns:
            `{"level", "name", "probability"}`: `fine` or `coarse`, the class on that level and its
            probability; each None where the image is named by nothing.

        Raises:
            InputError: as `predict`; a model that was exported without a calibration.
        """
        self.check_backs_off(error)
        served = self._answer(encoded, "serve_backing_off", error=tf.constant(error, tf.float32))
        level = int(served["level"][0])
        if level < 0:
            return dict.fromkeys(("level", "name", "probability"))
        return {
            "level": LEVELS[level],
            "name": served["name"][0].numpy().decode(),
            "probability": float(served["probability"][0]),
        }

    def check_backs_off(self, error: float) -> None:
        """Raises `InputError` where `name` can name no image at this error rate, whatever it is."""
        check_error(error)
        if "serve_backing_off" not in self._model.signatures:
            raise InputError(
                "This model was exported without a calibration. Run launch/evaluate.py with "
                "--error on the run, then export it again."
            )

    def _answer(self, encoded: bytes, signature: str, **arguments: Any) -> dict[str, tf.Tensor]:
        try:
            header = read_image_header(encoded)
            if header.kind not in ("JPEG", "PNG"):
                # TensorFlow decodes all frames of a GIF, and takes a BMP's palette for grey levels.
                encoded = tf.io.encode_png(decode_whole(encoded, header, self._channels))
            serve = self._model.signatures[signature]
            try:
                return serve(images=tf.reshape(encoded, (1,)), **arguments)
            except tf.errors.InvalidArgumentError as error:
                raise InputError(f"its {header.kind} data is damaged or cut off") from error
        except InputError as error:
            raise InputError(f"not a readable image: {error}") from error

    @property
    def _channels(self) -> int:
        specs = self._model.signatures["serve_images"].structured_input_signature[1]
        return specs["images"].shape[-1]

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
