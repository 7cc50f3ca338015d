"""Image sets that TensorFlow Datasets prepared."""

import os
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from coarse2fine.data.source import ArraySource, Source, fine_of_label
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy, cifar10, cifar100

_TAXONOMIES = {"cifar100": cifar100, "cifar10": cifar10}
_MEMORY_SHARE = 0.5
_BATCH = 1000


def load_tfds(
    name: str,
    split: str,
    data_dir: str | None = None,
    taxonomy: Taxonomy | None = None,
    image_size: int | None = None,
) -> Source:
    """A split of a TFDS image set with one image and a label of fine classes.

    TFRecord files have no random access, so such a set is read into memory; a set prepared as
    ArrayRecord is read image by image.

    Args:
        name: of the set, as TFDS spells it.
        split: `train`, `test` or another split of the set.
        data_dir: where it was prepared; by default TFDS's own folder.
        taxonomy: of its label names; `cifar100` and `cifar10` have one.
        image_size: height and width that images are resized to, with antialiasing, as an exported
            model does; needed where the set's images vary in size.

    Raises:
        InputError: a set that is unknown, not prepared, of another kind or too large for memory,
            or a taxonomy that does not fit its labels.
    """
    builder = _prepared_builder(name, data_dir)
    if split not in builder.info.splits:
        known = ", ".join(builder.info.splits)
        raise InputError(f"Data set {name!r} has no split {split!r}. Known: {known}.")
    image_key, label_key, id_key = _feature_keys(builder)
    if taxonomy is None:
        if builder.name not in _TAXONOMIES:
            raise InputError(
                f"Data set {name!r} has no coarse classes of its own: pass a taxonomy of its "
                f"{builder.info.features[label_key].num_classes} labels."
            )
        taxonomy = _TAXONOMIES[builder.name]()
    to_fine = fine_of_label(name, builder.info.features[label_key].names, taxonomy)
    image_shape = _image_shape(builder, image_key, image_size)
    if builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD:
        return ArrayRecordSource(builder, split, taxonomy, to_fine, image_shape)

    columns = _read(builder, split, (image_key, label_key, id_key), image_shape)
    fine = to_fine[columns[label_key].astype(np.int64)]
    return ArraySource(columns[image_key], taxonomy, fine, columns[id_key])


class ArrayRecordSource(Source):
    """A split that TFDS prepared as ArrayRecord: read image by image, in Python.

    Args:
        builder: of the prepared set.
        split: its name.
        taxonomy: of the labels.
        to_fine: what `fine_of_label` gives.
        image_shape: that images are resized to.
    """

    def __init__(
        self,
        builder,
        split: str,
        taxonomy: Taxonomy,
        to_fine: np.ndarray,
        image_shape: tuple[int, int, int],
    ):
        image_key, label_key, id_key = _feature_keys(builder)
        self._image_key = image_key
        self._records = builder.as_data_source(split)
        labels, ids = [], []
        # A data source of TFDS ignores `PartialDecoding`.
        unread = {image_key: tfds.decode.SkipDecoding()}
        for position, example in enumerate(builder.as_data_source(split, decoders=unread)):
            labels.append(int(example[label_key]))
            ids.append(f"{split}_{position}" if id_key == "tfds_id" else _text(example[id_key]))
        super().__init__(
            taxonomy,
            to_fine[np.array(labels, np.int64)],
            np.array(ids, np.str_),
            image_shape,
        )

    def images(self, indices: tf.Tensor) -> tf.Tensor:
        """Reads the records; see `Source.images`."""

        def read(positions):
            examples = self._records.__getitems__(positions.tolist())
            images = [example[self._image_key] for example in examples]
            return np.stack([_resized(image, self.image_shape) for image in images])

        images = tf.numpy_function(read, [indices], tf.uint8, stateful=False)
        return tf.ensure_shape(images, (None, *self.image_shape))


def _prepared_builder(name: str, data_dir: str | None):
    if data_dir is not None and not pathlib.Path(data_dir).is_dir():
        raise InputError(f"data_dir {data_dir} is not a folder. {_how_to_prepare(name, data_dir)}")
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (ValueError, AssertionError, ImportError) as error:  # By kind of unusable name.
        raise InputError(
            f"Unknown data set {name!r}. Known: shapes, shapes/<coarse>x<fine of each>, and the "
            f"image sets of TensorFlow Datasets (cifar100, cifar10, ...). TFDS says: "
            f"{next(iter(str(error).strip().splitlines()), type(error).__name__)}"
        ) from error
    if not builder.is_prepared():
        raise InputError(
            f"There is no prepared {name!r} in {builder.data_dir}. "
            f"{_how_to_prepare(name, data_dir)}"
        )
    return builder


def _how_to_prepare(name: str, data_dir: str | None, **arguments: str) -> str:
    given = {"data_dir": data_dir, **arguments} if data_dir else arguments
    listed = "".join(f", {key}={value!r}" for key, value in given.items())
    return (
        'Prepare it with: python -c "import tensorflow_datasets as tfds; '
        f'tfds.builder({name!r}{listed}).download_and_prepare()"'
    )


def _feature_keys(builder) -> tuple[str, str, str]:
    """The keys of image, fine label and id (`tfds_id` where the set has no id)."""
    features = builder.info.features
    images, labels = (
        sorted(key for key, f in features.items() if isinstance(f, kind))
        for kind in (tfds.features.Image, tfds.features.ClassLabel)
    )
    if len(images) != 1 or ("label" not in labels and len(labels) != 1):
        raise InputError(
            f"Data set {builder.name!r} has images {images} and class labels {labels}, expected "
            "one image and one label, or a label named 'label'."
        )
    return (
        images[0],
        "label" if "label" in labels else labels[0],
        "id" if "id" in features else "tfds_id",
    )


def _image_shape(builder, image_key: str, image_size: int | None) -> tuple[int, int, int]:
    feature = builder.info.features[image_key]
    dtype = np.dtype(feature.np_dtype)
    if dtype != np.uint8:
        raise InputError(f"Images of {builder.name!r} are {dtype.name}, expected uint8.")
    if image_size is not None:
        return (image_size, image_size, feature.shape[-1])
    if None in feature.shape:
        raise InputError(
            f"Images of {builder.name!r} vary in size (shape {feature.shape}): give the "
            "image_size that they are resized to."
        )
    return feature.shape


def _resized(image: Any, image_shape: tuple[int, ...]) -> Any:
    """An image as uint8 of this shape; itself where it has it."""
    if tuple(image.shape) == image_shape:
        return image
    image = tf.image.resize(image, image_shape[:2], antialias=True)
    return tf.cast(tf.round(tf.ensure_shape(image, image_shape)), tf.uint8)


def _read(
    builder, split: str, keys: tuple[str, str, str], image_shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Reads these features of a whole split, in the order of its files."""
    image_key, _, id_key = keys
    count = builder.info.splits[split].num_examples
    shape = (count, *image_shape)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if np.prod(shape) > _MEMORY_SHARE * memory:
        raise InputError(
            f"Split {split!r} of {builder.name!r} takes {np.prod(shape) / 2**30:.1f} GiB in "
            f"memory, more than half of this machine's {memory / 2**30:.1f} GiB; as ArrayRecord it "
            "is read image by image. "
            + _how_to_prepare(builder.name, "A_NEW_FOLDER", file_format="array_record")
        )
    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = builder.as_dataset(
        split=split,
        read_config=tfds.ReadConfig(add_tfds_id=id_key == "tfds_id", try_autocache=False),
    ).map(
        lambda example: {
            **{key: example[key] for key in keys},
            image_key: _resized(example[image_key], image_shape),
        },
        num_parallel_calls=2,
    )
    columns = {image_key: np.empty(shape, np.uint8)}
    texts: dict[str, list] = {key: [] for key in keys if key != image_key}
    start = 0
    for batch in dataset.batch(_BATCH).with_options(options).as_numpy_iterator():
        stop = start + len(batch[image_key])
        columns[image_key][start:stop] = batch[image_key]
        for key, values in texts.items():
            values.append(batch[key])
        start = stop
    columns |= {key: np.concatenate(values) for key, values in texts.items()}
    columns[id_key] = np.array([_text(value) for value in columns[id_key]])
    return columns


def _text(value: bytes | str) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
