"""Where in an image a network saw its classes."""

import dataclasses

import numpy as np
import tensorflow as tf

from coarse2fine.data import Source
from coarse2fine.training import Run
from coarse2fine.training.stretched import stretched

_SHOWN = {"fine": 3, "coarse": 2}


@dataclasses.dataclass(frozen=True)
class ClassMap:
    """The map of one class of one image.

    Attributes:
        level: `fine` or `coarse`.
        name: of the class.
        probability: by the softmax over the level's scores.
        is_right: whether the image is of this class; None where its label is not known.
        heat: `(height, width)` from 0, the least value of the image's shown maps of this level, to
            1, the greatest.
    """

    level: str
    name: str
    probability: float
    is_right: bool | None
    heat: np.ndarray


@dataclasses.dataclass(frozen=True)
class ImageMaps:
    """An image and the maps of its best classes.

    Attributes:
        image: `(height, width, channels)` uint8.
        label: what it is: its fine class, or its coarse class where the fine one is not known.
        maps: of the best fine classes, best first, and then of the best coarse ones.
    """

    image: np.ndarray
    label: str
    maps: tuple[ClassMap, ...]


def class_maps(run: Run, source: Source, indices: np.ndarray) -> list[ImageMaps]:
    """The maps of the best three fine and the best two coarse classes of images.

    Fewer where there are fewer classes; of a run on coarse labels the coarse ones alone.

    Args:
        run: with its model.
        source: of the images, with the run's classes.
        indices: which of them.

    Raises:
        InputError: images that cannot be read.
    """
    images = np.concatenate([*source.chunks(indices)])
    preprocessed = run.preprocess(tf.constant(images))
    scores = run.model(preprocessed, training=False)
    maps = run.model.class_maps(preprocessed, training=False)
    names = {"fine": run.taxonomy.fine_names, "coarse": run.taxonomy.coarse_names}
    labels = {"fine": source.fine[indices], "coarse": source.coarse[indices]}
    shown: list[list[ClassMap]] = [[] for _ in indices]
    for level, level_scores in scores.items():
        shares = tf.nn.softmax(level_scores)
        count = min(_SHOWN[level], len(names[level]))
        top = tf.math.top_k(shares, count)
        stack = tf.gather(tf.cast(maps[level], tf.float32), top.indices, axis=-1, batch_dims=1)
        heat = stretched(stack).numpy()
        for place, label in enumerate(labels[level]):
            for number, best in enumerate(top.indices[place].numpy()):
                shown[place].append(
                    ClassMap(
                        level,
                        names[level][best],
                        float(top.values[place, number]),
                        None if label < 0 else bool(best == label),
                        heat[place, ..., number],
                    )
                )
    return [
        ImageMaps(image, names["coarse"][coarse] if fine < 0 else names["fine"][fine], tuple(each))
        for image, fine, coarse, each in zip(images, *labels.values(), shown, strict=True)
    ]
