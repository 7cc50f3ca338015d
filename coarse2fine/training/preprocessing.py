"""What is done to every image before anything else: fitted once, kept with the run."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from coarse2fine.data import Source
from coarse2fine.data.whitening import fit_zca
from coarse2fine.layers import Whitening

# What each kind of preprocessing knows of the training images.
STATISTICS = {"gcn_zca": ("mean", "matrix"), "standardize": ("mean", "variance")}


def fit_preprocessing(kind: str, source: Source, indices: np.ndarray) -> dict[str, np.ndarray]:
    """The statistics that `make_preprocessing` needs, from these training images.

    Args:
        kind: `gcn_zca` or `standardize`.
        source: of the images.
        indices: of the training images.
    """
    if kind == "gcn_zca":
        return vars(fit_zca(source.chunks(indices)))
    channels = source.image_shape[-1]
    count, total, squares = 0, np.zeros(channels), np.zeros(channels)
    for images in source.chunks(indices):
        values = images.reshape(-1, images.shape[-1]).astype(np.float64)
        count += len(values)
        total += values.sum(0)
        squares += np.square(values).sum(0)
    mean = total / count
    return {"mean": mean, "variance": squares / count - mean**2}


def make_preprocessing(
    kind: str, statistics: Mapping[str, np.ndarray], image_shape: Sequence[int]
) -> keras.layers.Layer:
    """The layer from `(batch, *image_shape)` uint8 images to float32 ones."""
    with tf.device("CPU"):  # Where the input pipeline runs.
        if kind == "gcn_zca":
            layer = Whitening(statistics["mean"], statistics["matrix"], name="preprocessing")
        else:
            layer = keras.layers.Normalization(
                mean=statistics["mean"],
                variance=statistics["variance"],
                dtype="float32",
                name="preprocessing",
            )
        layer.build((None, *image_shape))  # Outside of the graphs that will call it.
    return layer
