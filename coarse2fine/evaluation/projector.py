"""Features, labels and images as TensorBoard's projector reads them."""

import io
import math
import pathlib
import re
from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorboard.plugins.projector import ProjectorConfig
from tensorboard.plugins.projector.metadata import PROJECTOR_FILENAME

from coarse2fine.errors import InputError
from coarse2fine.files import make_folder, remove_file, write_bytes, write_text
from coarse2fine.taxonomy import Taxonomy

_MOST_POINTS = 100_000
_MOST_PIXELS = 8192
_PIECE = 1000
_NONE = "(none)"


def write_projector(
    folder: str | pathlib.Path,
    features: np.ndarray,
    images: np.ndarray | Iterable[np.ndarray],
    taxonomy: Taxonomy,
    fine: np.ndarray,
    coarse: np.ndarray,
) -> None:
    """Writes what TensorBoard needs to show images at their features, to turn and to search.

    TensorBoard on the folder, or on one above it, shows them under "Projector"; there PCA, t-SNE
    and UMAP are computed in the browser. The folder holds `features.tsv`, `metadata.tsv` with each
    image's fine and coarse class, `sprite.png` with the images side by side, shrunk until
    TensorBoard takes them, the `projector_config.pbtxt` that names these, and a file of events
    without which TensorBoard would not look here.

    Args:
        folder: to write into; it is made where it is missing.
        features: `(n, channels)` numbers.
        images: `(n, height, width, channels)` uint8 with 1 or 3 channels; or pieces of them, such
            as `source.chunks(indices)` gives.
        taxonomy: of the labels.
        fine: `(n,)` fine labels; -1, no label, is shown as "(none)".
        coarse: `(n,)` coarse labels.

    Raises:
        InputError: not as many features, images and labels, or labels out of range; no features or
            more than the 100,000 that TensorBoard shows; a folder that cannot be written.

    Example:
        >>> import tempfile
        >>> pets = Taxonomy(("siamese", "beagle"), ("cat", "dog"), (0, 1))
        >>> images = np.zeros((3, 32, 32, 3), np.uint8)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_projector(folder, np.eye(3), images, pets, [0, 1, -1], [0, 1, 0])
        ...     (pathlib.Path(folder) / "projector_config.pbtxt").exists()
        True
    """
    features, fine, coarse = np.asarray(features), np.asarray(fine), np.asarray(coarse)
    _check(features, taxonomy, {"fine": fine, "coarse": coarse})
    sprite, side = _sprite(_pieces(images), len(features))
    config = ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = "features"
    embedding.tensor_shape.extend(features.shape)
    embedding.tensor_path = "features.tsv"
    embedding.metadata_path = "metadata.tsv"
    embedding.sprite.image_path = "sprite.png"
    embedding.sprite.single_image_dim.extend(side)
    # TensorBoard takes a file of bytes for text where its first bytes happen to be UTF-8.
    table = io.BytesIO()
    np.savetxt(table, features, "%.9g", delimiter="\t")

    folder = pathlib.Path(folder)
    make_folder(folder)
    # First away with the config and then back: what it names has been written whole.
    remove_file(folder / PROJECTOR_FILENAME)
    write_bytes(folder / embedding.tensor_path, table.getvalue())
    write_text(folder / embedding.metadata_path, _metadata(taxonomy, fine, coarse))
    write_bytes(folder / embedding.sprite.image_path, tf.io.encode_png(sprite).numpy())
    if not any(folder.glob("*tfevents*")):  # TensorBoard looks where there are events only.
        tf.summary.create_file_writer(str(folder)).close()
    write_text(folder / PROJECTOR_FILENAME, text_format.MessageToString(config))


def _check(features: np.ndarray, taxonomy: Taxonomy, labels: dict[str, np.ndarray]) -> None:
    if features.ndim != 2 or not 0 < len(features) <= _MOST_POINTS:
        raise InputError(
            f"features has shape {features.shape}, expected (n, channels) with n from 1 to "
            f"{_MOST_POINTS}: TensorBoard shows no more. Pass fewer."
        )
    for level, values in labels.items():
        num_classes = getattr(taxonomy, f"num_{level}")
        if values.shape != (len(features),):
            raise InputError(
                f"{level} has shape {values.shape}, expected ({len(features)},): one label a "
                "feature."
            )
        if not -1 <= values.min() <= values.max() < num_classes:
            raise InputError(
                f"{level} labels {values.min()} to {values.max()} are given, expected -1 (none) "
                f"to {num_classes - 1}."
            )


def _metadata(taxonomy: Taxonomy, fine: np.ndarray, coarse: np.ndarray) -> str:
    # A tab or a line break in a name would begin another column or row.
    fine_names, coarse_names = (
        [re.sub(r"\s", " ", name) for name in (*names, _NONE)]
        for names in (taxonomy.fine_names, taxonomy.coarse_names)
    )
    lines = [f"{fine_names[f]}\t{coarse_names[c]}\n" for f, c in zip(fine, coarse, strict=True)]
    return "fine\tcoarse\n" + "".join(lines)


def _pieces(images: np.ndarray | Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    if isinstance(images, np.ndarray):
        images = np.array_split(images, range(_PIECE, len(images), _PIECE))
    for piece in images:
        if piece.ndim != 4 or piece.dtype != np.uint8:
            raise InputError(
                f"images has shape {piece.shape} and dtype {piece.dtype}, expected "
                "(n, height, width, channels) uint8."
            )
        yield piece


def _sprite(pieces: Iterable[np.ndarray], num_images: int) -> tuple[np.ndarray, tuple[int, int]]:
    """All images in one, row by row, and the (width, height) of each in it."""
    per_row = math.ceil(math.sqrt(num_images))
    num_rows = math.ceil(num_images / per_row)
    sprite, done = np.zeros((0, 0, 0), np.uint8), 0
    for piece in pieces:
        if not done:
            height, width, channels = piece.shape[1:]
            shrink = min(1, _MOST_PIXELS / (per_row * max(height, width)))
            height, width = (max(1, int(side * shrink)) for side in (height, width))
            sprite = np.zeros((num_rows * height, per_row * width, channels), np.uint8)
        if (height, width) != piece.shape[1:3]:
            smaller = tf.image.resize(piece, (height, width), method="area")
            piece = tf.cast(tf.round(smaller), tf.uint8).numpy()
        for place, image in enumerate(piece[: num_images - done], done):
            row, column = divmod(place, per_row)
            sprite[row * height :, column * width :][:height, :width] = image
        done += len(piece)
    if done != num_images:
        raise InputError(f"{done} images, expected as many as features: {num_images}.")
    return sprite, (width, height)
