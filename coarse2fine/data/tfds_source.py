"""Image sets that TensorFlow Datasets prepared."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from coarse2fine.data.decoded_cache import Origin
from coarse2fine.data.encoded_source import EncodedSource
from coarse2fine.data.labels import DROPPED, fine_of_label, split_dropped
from coarse2fine.data.source import ArraySource, Source
from coarse2fine.data.tfds_features import check_features, unknown_set
from coarse2fine.data.views import CenterCrop
from coarse2fine.errors import InputError, shown
from coarse2fine.taxonomy import Taxonomy, cifar10, cifar100

_TAXONOMIES = {"cifar100": cifar100, "cifar10": cifar10}
# The split that stands for another one, which TFDS holds without labels.
_LABELLED = {"imagenet2012": {"test": "validation"}}
_MEMORY_SHARE = 0.5
_BATCH = 1000


def load_tfds(
    name: str,
    split: str,
    data_dir: str | None = None,
    taxonomy: Taxonomy | None = None,
    view: CenterCrop | None = None,
) -> Source:
    """A split of a TFDS image set with one image and a label of fine classes.

    TFRecord files have no random access, so such a set is read into memory; a set prepared as
    ArrayRecord is read image by image. Images of labels that the taxonomy does not name are left
    out without being decoded.

    Args:
        name: of the set, as TFDS spells it.
        split: `train`, `test` or another split of the set. `test` of `imagenet2012` is its
            `validation`: the images that TFDS calls its test have no labels.
        data_dir: where it was prepared; by default TFDS's own folder.
        taxonomy: of its label names, or of some of them; `cifar100` and `cifar10` have one.
        view: what is seen of the images; needed where they vary in size. Without it they are
            seen as they are.

    Raises:
        InputError: a set that is unknown, not prepared, of another kind or too large for memory,
            or a taxonomy that does not fit its labels.
    """
    builder = _prepared_builder(name, data_dir)
    split = _LABELLED.get(builder.name, {}).get(split, split)
    if split not in builder.info.splits:
        known = ", ".join(builder.info.splits)
        raise InputError(f"Data set {name!r} has no split {split!r}. Known: {known}.")
    image_key, label_key, id_key = _feature_keys(builder)
    if taxonomy is None:
        if builder.name not in _TAXONOMIES:
            raise InputError(
                f"Data set {name!r} has no coarse classes of its own: pass a taxonomy of its "
                f"{builder.info.features[label_key].num_classes} labels, or of some of them."
            )
        taxonomy = _TAXONOMIES[builder.name]()
    names = builder.info.features[label_key].names
    to_fine = fine_of_label(name, names, taxonomy)
    _check_images(builder, image_key, view)
    image_shape = builder.info.features[image_key].shape
    is_array_record = builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD
    if view is not None:
        return RecordSource(builder, split, taxonomy, to_fine, view, in_memory=not is_array_record)
    if is_array_record:
        return ArrayRecordSource(builder, split, taxonomy, to_fine, image_shape)

    kept, dropped = _find_kept(builder, split, to_fine)
    columns = _read(builder, split, image_shape, len(kept), to_fine)
    fine = to_fine[columns[label_key].astype(np.int64)]
    source = ArraySource(columns[image_key], taxonomy, fine, columns[id_key])
    source.dropped = dropped
    return source


class RecordSource(EncodedSource):
    """A split as TFDS prepared it, seen through a view.

    Labels and ids are read when it is made. Of ArrayRecord files that reads every record, image and
    all: they hold records whole, and TFDS reads no part of one.

    Args:
        builder: of the prepared set.
        split: its name.
        taxonomy: of the labels.
        to_fine: what `fine_of_label` gives.
        view: of images for evaluation.
        in_memory: whether the encoded images of kept labels are read into memory, as those of
            TFRecord files must be; else they are read one by one.
    """

    def __init__(
        self,
        builder,
        split: str,
        taxonomy: Taxonomy,
        to_fine: np.ndarray,
        view: CenterCrop,
        in_memory: bool,
    ):
        self._image_key, *_ = _feature_keys(builder)
        self._records: Mapping[int, dict[str, Any]] | Sequence[dict[str, Any]]
        if in_memory:
            self._positions, dropped = _find_kept(builder, split, to_fine)
            stored = builder.info.splits[split]
            share = len(self._positions) / stored.num_examples
            _check_memory(builder, split, share * stored.num_bytes)
            examples = list(
                _without_autotune(_kept_examples(builder, split, to_fine)).as_numpy_iterator()
            )
            self._records = dict(zip(self._positions.tolist(), examples, strict=True))
            _, fine, ids, _ = _read_kept(builder, split, examples, to_fine)
        else:
            self._records = _undecoded(builder, split)
            self._positions, fine, ids, dropped = _read_kept(builder, split, self._records, to_fine)
        super().__init__(
            taxonomy,
            fine,
            ids,
            view,
            channels=builder.info.features[self._image_key].shape[-1],
        )
        self.dropped = dropped
        self._split, self._folder = split, str(builder.data_dir)
        # It is written anew where the set is prepared anew.
        self._prepared = tf.io.gfile.stat(os.path.join(self._folder, "dataset_info.json"))

    def origin(self, index: int) -> Origin:
        """The record's place in the prepared set, whose folder names its version."""
        name = f"{self._folder}/{self._split}/{self._positions[index]}"
        return Origin(name, self._prepared.length, self._prepared.mtime_nsec)

    def encoded(self, index: int) -> bytes:
        """Reads the record."""
        return bytes(self._records[int(self._positions[index])][self._image_key])


class ArrayRecordSource(Source):
    """A split of images of one size that TFDS prepared as ArrayRecord: read one by one, in Python.

    To learn labels and ids it reads every record once when it is made, as `RecordSource` does.

    Args:
        builder: of the prepared set.
        split: its name.
        taxonomy: of the labels.
        to_fine: what `fine_of_label` gives.
        image_shape: of the images.
    """

    def __init__(
        self,
        builder,
        split: str,
        taxonomy: Taxonomy,
        to_fine: np.ndarray,
        image_shape: tuple[int, int, int],
    ):
        self._image_key, *_ = _feature_keys(builder)
        self._records = builder.as_data_source(split)
        examples = _undecoded(builder, split)
        self._positions, fine, ids, dropped = _read_kept(builder, split, examples, to_fine)
        super().__init__(taxonomy, fine, ids, image_shape)
        self.dropped = dropped

    def images(self, indices: tf.Tensor) -> tf.Tensor:
        """Reads the records; see `Source.images`."""

        def read(wanted):
            examples = self._records.__getitems__(self._positions[wanted].tolist())
            return np.stack([example[self._image_key] for example in examples])

        images = tf.numpy_function(read, [indices], tf.uint8, stateful=False)
        return tf.ensure_shape(images, (None, *self.image_shape))


def _read_kept(
    builder, split: str, examples: Iterable[dict[str, Any]], to_fine: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, int]]:
    """Of the examples of kept labels positions, fine labels and ids; and what is left out."""
    _, label_key, id_key = _feature_keys(builder)
    labels, ids = [], []
    for position, example in enumerate(examples):
        labels.append(int(example[label_key]))
        has_id = id_key in example
        ids.append(_text(example[id_key]) if has_id else f"{split}_{position}")
    label = np.array(labels, np.int64)
    names = builder.info.features[label_key].names
    kept, dropped = split_dropped(_where(builder, split), label, names, to_fine)
    return kept, to_fine[label[kept]], np.array(ids, np.str_)[kept], dropped


def _undecoded(builder, split: str) -> Sequence[dict[str, Any]]:
    """The examples of a set prepared as ArrayRecord, their images as bytes."""
    # A data source of TFDS ignores `PartialDecoding`.
    image_key, *_ = _feature_keys(builder)
    return builder.as_data_source(split, decoders={image_key: tfds.decode.SkipDecoding()})


def _find_kept(builder, split: str, to_fine: np.ndarray) -> tuple[np.ndarray, dict[str, int]]:
    """Positions of the examples of kept labels, and what is left out; images are not decoded."""
    if DROPPED not in to_fine:
        return np.arange(builder.info.splits[split].num_examples), {}
    _, label_key, _ = _feature_keys(builder)
    labels, names = _read_labels(builder, split, label_key), builder.info.features[label_key].names
    return split_dropped(_where(builder, split), labels, names, to_fine)


def _kept_examples(builder, split: str, to_fine: np.ndarray) -> tf.data.Dataset:
    """A split's examples of kept labels, in the order of its files, their images as bytes."""
    image_key, label_key, id_key = keys = _feature_keys(builder)
    dataset = builder.as_dataset(
        split=split,
        decoders={image_key: tfds.decode.SkipDecoding()},
        read_config=tfds.ReadConfig(add_tfds_id=id_key == "tfds_id", try_autocache=False),
    )
    is_kept = to_fine != DROPPED
    return dataset.filter(
        # The last place is of label -1.
        lambda example: tf.gather(is_kept, example[label_key] % len(is_kept))
    ).map(lambda example: {key: example[key] for key in keys})


def _check_memory(builder, split: str, num_bytes: float) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if num_bytes > _MEMORY_SHARE * memory:
        raise InputError(
            f"{_where(builder, split)} takes {num_bytes / 2**30:.1f} GiB in "
            f"memory, more than half of this machine's {memory / 2**30:.1f} GiB; as ArrayRecord it "
            "is read image by image. "
            + _how_to_prepare(builder.name, "A_NEW_FOLDER", file_format="array_record")
        )


def _prepared_builder(name: str, data_dir: str | None):
    if data_dir is not None and not os.path.isdir(data_dir):
        raise InputError(
            f"data_dir {shown(data_dir)} is not a folder. {_how_to_prepare(name, data_dir)}"
        )
    check_features(data_dir or tfds.core.constants.DATA_DIR, name)
    try:
        # Absolute, since images that are kept decoded are known by it.
        builder = tfds.builder(name, data_dir=data_dir and os.path.abspath(data_dir))
    except (ValueError, AssertionError, ImportError) as error:  # By kind of unusable name.
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise unknown_set(name, reason) from error
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


def _check_images(builder, image_key: str, view: CenterCrop | None) -> None:
    feature = builder.info.features[image_key]
    dtype = np.dtype(feature.np_dtype)
    if dtype != np.uint8:
        raise InputError(f"Images of {builder.name!r} are {dtype.name}, expected uint8.")
    if None in feature.shape and view is None:
        raise InputError(
            f"Images of {builder.name!r} vary in size (shape {feature.shape}): give the "
            "image_size of the crops that are seen of them."
        )


def _where(builder, split: str) -> str:
    return f"Split {split!r} of {builder.name!r}"


def _read_labels(builder, split: str, label_key: str) -> np.ndarray:
    only_labels = tfds.decode.PartialDecoding({label_key: builder.info.features[label_key]})
    dataset = _without_autotune(
        builder.as_dataset(
            split=split,
            batch_size=_BATCH,
            decoders=only_labels,
            read_config=tfds.ReadConfig(try_autocache=False),
        )
    )
    batches = dataset.as_numpy_iterator()
    return np.concatenate([batch[label_key] for batch in batches]).astype(np.int64)


def _read(
    builder, split: str, image_shape: tuple[int, ...], count: int, to_fine: np.ndarray
) -> dict[str, np.ndarray]:
    """Reads image, label and id of a split's `count` images of kept labels, in the files' order."""
    image_key, label_key, id_key = _feature_keys(builder)
    decode = builder.info.features[image_key].decode_example
    shape = (count, *image_shape)
    _check_memory(builder, split, float(np.prod(shape)))
    dataset = _kept_examples(builder, split, to_fine).map(
        lambda example: {**example, image_key: decode(example[image_key])}, num_parallel_calls=2
    )
    columns = {image_key: np.empty(shape, np.uint8)}
    texts: dict[str, list] = {label_key: [], id_key: []}
    start = 0
    for batch in _without_autotune(dataset.batch(_BATCH)).as_numpy_iterator():
        stop = start + len(batch[image_key])
        columns[image_key][start:stop] = batch[image_key]
        for key, values in texts.items():
            values.append(batch[key])
        start = stop
    columns |= {key: np.concatenate(values) for key, values in texts.items()}
    columns[id_key] = np.array([_text(value) for value in columns[id_key]])
    return columns


def _without_autotune(dataset: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def _text(value: bytes | str) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
