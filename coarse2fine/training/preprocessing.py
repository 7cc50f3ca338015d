"""What is done to every image before anything else: fitted once, kept with the run."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from coarse2fine.backbones import applications
from coarse2fine.data import Source
from coarse2fine.data.whitening import fit_zca
from coarse2fine.errors import InputError
from coarse2fine.layers import Whitening

_MOST_IMAGES = 50_000
_MOST_VALUES = 64 * 64 * 3

# What each kind of preprocessing knows of the training images.
STATISTICS: dict[str, tuple[str, ...]] = {
    "gcn_zca": ("mean", "matrix"),
    "standardize": ("mean", "variance"),
    "center": ("mean",),
    "own": (),
}


@keras.saving.register_keras_serializable("coarse2fine")
class OwnPreprocessing(keras.layers.Layer):
    """What a backbone of `keras.applications` or of a file does to images by itself.

    Args:
        backbone: as in a config. For a `.keras` file nothing is done: what the network needs is
            inside it.
        **kwargs: of `keras.layers.Layer`. Any `dtype` is ignored: it computes in float32.

    Call arguments:
        images: `(batch, height, width, channels)` of values from 0 to 255.

    Returns:
        float32 images of the same shape.
    """

    def __init__(self, backbone: str, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.backbone = backbone

    def call(self, images):
        """Returns the preprocessed images."""
        images = ops.cast(images, "float32")
        if not self.backbone.startswith(applications.PREFIX):
            return images
        return applications.preprocess_input(
            self.backbone.removeprefix(applications.PREFIX), images
        )

    def compute_output_shape(self, input_shape):
        """Returns `input_shape`."""
        return tuple(input_shape)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "backbone": self.backbone}


def check_preprocessing(kind: str, backbone: str, image_shape: Sequence[int]) -> None:
    """Raises `InputError` where images would be preprocessed twice, or cannot be.

    So it is with images too large to be whitened.

    Args:
        kind: of preprocessing, as in a config.
        backbone: as in a config.
        image_shape: `(height, width, channels)`.
    """
    if kind == "gcn_zca" and math.prod(image_shape) > _MOST_VALUES:
        raise InputError(
            f"Whitening images of {' x '.join(map(str, image_shape))} takes a matrix of "
            f"{math.prod(image_shape):,} squared; it is for small images. Use "
            "preprocess=standardize or center."
        )
    if not backbone.startswith(applications.PREFIX):
        return
    inside = applications.preprocesses_inside(backbone.removeprefix(applications.PREFIX))
    if inside and kind != "own":
        raise InputError(
            f"{backbone} preprocesses its images itself, and preprocess={kind} would do it twice. "
            "Use preprocess=own."
        )
    if not inside and kind == "own" and image_shape[-1] != 3:
        raise InputError(
            f"The own preprocessing of {backbone} is for images of 3 channels, and these have "
            f"{image_shape[-1]}. Use preprocess=standardize."
        )


def fit_preprocessing(kind: str, source: Source, indices: np.ndarray) -> dict[str, np.ndarray]:
    """The statistics that `make_preprocessing` needs, from these training images.

    Args:
        kind: a key of `STATISTICS`.
        source: of the images.
        indices: of the training images. Of more than 50,000, `standardize` and `center` look at
            every second one, third one and so on.
    """
    if not STATISTICS[kind]:
        return {}
    if kind == "gcn_zca":
        return vars(fit_zca(source.chunks(indices)))
    channels = source.image_shape[-1]
    indices = indices[:: -(-len(indices) // _MOST_IMAGES)]
    count, total, squares = 0, np.zeros(channels), np.zeros(channels)
    for images in source.chunks(indices):
        values = images.reshape(-1, images.shape[-1]).astype(np.float64)
        count += len(values)
        total += values.sum(0)
        squares += np.square(values).sum(0)
    mean = total / count
    fitted = {"mean": mean, "variance": squares / count - mean**2}
    return {name: fitted[name] for name in STATISTICS[kind]}


def make_preprocessing(
    kind: str,
    statistics: Mapping[str, Any],
    image_shape: Sequence[int],
    backbone: str = "",
) -> keras.layers.Layer:
    """The layer from `(batch, *image_shape)` uint8 images to float32 ones.

    Args:
        kind: a key of `STATISTICS`.
        statistics: what `fit_preprocessing` gave; for `gcn_zca` None, for zeros and the identity.
        image_shape: `(height, width, channels)`.
        backbone: as in a config; for `own` alone.
    """
    with tf.device("CPU"):  # Where the input pipeline runs.
        if kind == "gcn_zca":
            layer = Whitening(statistics["mean"], statistics["matrix"], name="preprocessing")
        elif kind == "own":
            layer = OwnPreprocessing(backbone, name="preprocessing")
        elif kind == "center":
            # A Normalization of variance 1 gives the same, and takes several times as long.
            layer = keras.layers.Rescaling(
                1.0, (-statistics["mean"]).tolist(), dtype="float32", name="preprocessing"
            )
        else:
            layer = keras.layers.Normalization(**statistics, dtype="float32", name="preprocessing")
        layer.build((None, *image_shape))  # Outside of the graphs that will call it.
    return layer
