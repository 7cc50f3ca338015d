"""Sets that TensorFlow Datasets prepared: a tiny one written here, and the real CIFAR-100."""

import itertools
import os
import pathlib
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from coarse2fine.data import Schedule, decoded_cache, draw_partition, load_source, training_batches
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy, cifar100, load_taxonomy

NAMES = ["carp", "manx", "persian"]  # As the set numbers them.
TAXONOMY = Taxonomy(("persian", "manx", "carp"), ("cat", "fish"), (0, 0, 1))
FORMATS = ("tfrecord", "array_record")
SIZES = {"train": 120, "test": 7}


def make_examples(split, with_id=True):
    rng = np.random.default_rng(len(split))
    return [
        {
            "image": rng.integers(0, 256, (6, 5, 3)).astype(np.uint8),
            "label": i % 3,
            **({"id": f"{split}-{i}"} if with_id else {}),
        }
        for i in range(SIZES[split])
    ]


def store(data_dir, name, file_format, with_id=True, **features):
    """Writes a set as TFDS itself would."""
    described = {
        "image": tfds.features.Image(shape=(6, 5, 3)),
        "label": tfds.features.ClassLabel(names=NAMES),
        **({"id": tfds.features.Text()} if with_id else {}),
        **features,
    }
    known = ("image", "id", "label")
    extra = {key: np.zeros((6, 5, 3), np.uint8) for key in features if key not in known}
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        data_dir=data_dir,
        split_datasets={
            split: [(i, {**e, **extra}) for i, e in enumerate(make_examples(split, with_id))]
            for split in SIZES
        },
        features=tfds.features.FeaturesDict(described),
        file_format=file_format,
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A folder a format, each with a set `tiny` and one without ids, `tiny_without_id`."""
    folder = tmp_path_factory.mktemp("tfds")
    for file_format in FORMATS:
        os.makedirs(folder / file_format)
        store(folder / file_format, "tiny", file_format)
        store(folder / file_format, "tiny_without_id", file_format, with_id=False)
    return folder


def load(folder, name="tiny", split="train", taxonomy=TAXONOMY, **size):
    return load_source(name, split, str(folder), taxonomy, **size)


def all_images(source):
    return source.images(tf.range(len(source), dtype=tf.int64)).numpy()


def check_refused(message, function, *args, **kwargs):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        function(*args, **kwargs)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("split", SIZES)
def test_images_labels_and_ids_belong_together(stored, file_format, split):
    source = load(stored / file_format, split=split)
    written = {example["id"]: example for example in make_examples(split)}
    assert set(source.ids) == set(written)
    for i in range(len(source)):
        example = source[i]
        expected = written[example["id"]]
        np.testing.assert_array_equal(example["image"], expected["image"])
        # Labels are the taxonomy's, whatever the set's own order.
        assert TAXONOMY.fine_names[example["fine"]] == NAMES[expected["label"]]
        assert example["coarse"] == TAXONOMY.parent[example["fine"]]


@pytest.mark.parametrize("name", ["tiny", "tiny_without_id"])
def test_both_formats_hold_the_same_images_and_labels(stored, name):
    one, other = (load(stored / file_format, name) for file_format in FORMATS)
    pictures = [
        {image.tobytes(): label for image, label in zip(all_images(s), s.fine, strict=True)}
        for s in (one, other)
    ]
    assert len(pictures[0]) == SIZES["train"]
    assert pictures[0] == pictures[1]


def test_both_formats_give_the_same_batches(stored):
    taken = []
    for file_format in FORMATS:
        source = load(stored / file_format)
        partition = draw_partition(source.fine, source.coarse, source.ids, 0.5, 0.5, 0.2)
        schedule = Schedule(len(partition.fine_labelled), len(partition.coarse_only), 8, seed=0)
        batches = training_batches(
            source,
            partition.fine_labelled,
            partition.coarse_only,
            schedule,
            lambda images: tf.cast(images, tf.float32),
            "crop_flip",
        )
        taken.append(list(itertools.islice(batches.as_numpy_iterator(), 6)))
    one, other = map(tf.nest.flatten, taken)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_set_without_ids_is_named_by_place(stored, file_format):
    one, other = (load(stored / file_format, "tiny_without_id") for _ in range(2))
    assert len(set(one.ids)) == SIZES["train"]
    np.testing.assert_array_equal(one.ids, other.ids)
    assert not set(one.ids) & set(load(stored / file_format, "tiny_without_id", "test").ids)


def test_reads_record_files_in_a_graph(stored):
    source = load(stored / "array_record")
    indices = tf.constant([4, 0, 4], tf.int64)
    function = tf.function(source.images)
    np.testing.assert_array_equal(function(indices), all_images(source)[[4, 0, 4]])
    concrete = function.get_concrete_function(tf.TensorSpec((None,), tf.int64))
    assert concrete.structured_outputs.shape.as_list() == [None, 6, 5, 3]


@pytest.mark.parametrize("name", ["imagenot", "cifar-100", "no such set", "cifar100:9.9.9", ""])
def test_refuses_unknown_sets(tmp_path, name):
    message = (
        f"Unknown data set {name!r}. Known: shapes, shapes/<coarse>x<fine of each>, and the image "
        "sets of TensorFlow Datasets (cifar100, cifar10, ...). TFDS says: "
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}[^\n]+$"):
        load_source(name, "train", str(tmp_path))


def test_refuses_a_folder_without_the_set_and_says_how_to_prepare_it(tmp_path):
    folder = str(tmp_path)
    message = (
        f"There is no prepared 'cifar100' in {folder}/cifar100/3.0.2. Prepare it with: python -c "
        '"import tensorflow_datasets as tfds; '
        f"tfds.builder('cifar100', data_dir={folder!r}).download_and_prepare()\""
    )
    check_refused(message, load_source, "cifar100", "train", folder)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["gone", "a" * 300])
def test_refuses_a_missing_folder(tmp_path, name):
    folder = str(tmp_path / name)
    message = (
        f"data_dir {folder} is not a folder. Prepare it with: python -c "
        '"import tensorflow_datasets as tfds; '
        f"tfds.builder('cifar100', data_dir={folder!r}).download_and_prepare()\""
    )
    check_refused(message, load_source, "cifar100", "train", folder)


def test_refuses_an_unknown_split(stored):
    message = "Data set 'tiny' has no split 'val'. Known: train, test."
    check_refused(message, load, stored / "tfrecord", split="val")


def test_asks_for_a_taxonomy_where_the_set_has_none(stored):
    message = (
        "Data set 'tiny' has no coarse classes of its own: pass a taxonomy of its 3 labels, or of "
        "some of them."
    )
    check_refused(message, load, stored / "tfrecord", taxonomy=None)


@pytest.mark.parametrize(
    ("taxonomy", "named"),
    [
        (Taxonomy(("persian", "manx", "eel"), ("cat", "fish"), (0, 0, 1)), "eel"),
        (
            cifar100(),
            "apple, aquarium_fish, baby, bear, beaver, bed, bee, beetle, bicycle, bottle, and "
            "90 more",
        ),
    ],
)
def test_refuses_a_taxonomy_that_does_not_fit(stored, taxonomy, named):
    message = (
        f"The taxonomy does not fit data set 'tiny': it names {named}, and the set's labels are "
        "carp, manx, persian. Rename the classes, or give their labels as source_names."
    )
    check_refused(message, load, stored / "tfrecord", taxonomy=taxonomy)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("name", ["tiny", "tiny_without_id"])
@pytest.mark.parametrize("split", SIZES)
def test_images_that_the_taxonomy_does_not_name_are_left_out(stored, file_format, name, split):
    whole = load(stored / file_format, name, split)
    some = Taxonomy(("fish", "tailless"), ("b", "a"), (0, 1), ("carp", "manx"))
    source = load(stored / file_format, name, split, some)
    kept = np.flatnonzero(whole.fine != TAXONOMY.fine_names.index("persian"))
    np.testing.assert_array_equal(source.ids, whole.ids[kept])
    np.testing.assert_array_equal(all_images(source), all_images(whole)[kept])
    labels = [TAXONOMY.fine_names[f] for f in whole.fine[kept]]
    assert [some.source_names[f] for f in source.fine] == labels
    np.testing.assert_array_equal(source.coarse, source.fine)
    assert source.dropped == {"persian": len(whole) - len(source)}
    assert whole.dropped == {}


def test_reads_what_is_left_of_record_files_in_a_graph(stored):
    source = load(stored / "array_record", taxonomy=TAXONOMY.subset(["fish"]))
    function = tf.function(source.images)
    np.testing.assert_array_equal(function(tf.constant([3, 0])), all_images(source)[[3, 0]])
    assert len(source) == SIZES["train"] // 3


@pytest.mark.parametrize("file_format", FORMATS)
def test_images_without_a_label_are_not_left_out_in_silence(tmp_path, file_format):
    features = {
        "image": tfds.features.Image(shape=(6, 5, 3)),
        "label": tfds.features.ClassLabel(names=NAMES),
    }
    image = np.zeros((6, 5, 3), np.uint8)
    tfds.dataset_builders.store_as_tfds_dataset(
        name="unlabelled",
        version="1.0.0",
        data_dir=tmp_path,
        split_datasets={"train": [(i, {"image": image, "label": i - 1}) for i in range(3)]},
        features=tfds.features.FeaturesDict(features),
        file_format=file_format,
    )
    with pytest.raises(InputError, match=r"^coarse label -1 at position \d is out of range"):
        load(tmp_path, "unlabelled", taxonomy=TAXONOMY.subset(["cat"]))


@pytest.mark.parametrize("file_format", FORMATS)
def test_refuses_a_split_of_which_nothing_is_left(tmp_path, file_format):
    # The set has a label of which there is no image.
    label = tfds.features.ClassLabel(names=[*NAMES, "eel"])
    store(tmp_path, "tiny", file_format, label=label)
    message = (
        "Split 'train' of 'tiny' has no image of the taxonomy's classes: its labels are carp, "
        "manx, persian."
    )
    only = Taxonomy(("eel",), ("fish",), (0,))
    check_refused(message, load, tmp_path, taxonomy=only)


@pytest.mark.parametrize(
    ("name", "features", "message"),
    [
        (
            "two_images",
            {"mask": tfds.features.Image(shape=(6, 5, 3))},
            "Data set 'two_images' has images ['image', 'mask'] and class labels ['label'], "
            "expected one image and one label, or a label named 'label'.",
        ),
        (
            "any_size",
            {"image": tfds.features.Image(shape=(None, None, 3))},
            "Images of 'any_size' vary in size (shape (None, None, 3)): give the image_size of "
            "the crops that are seen of them.",
        ),
    ],
)
def test_refuses_sets_of_another_kind(tmp_path, name, features, message):
    store(tmp_path, name, "tfrecord", **features)
    check_refused(message, load, tmp_path, name)


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_images_are_seen_through_a_view_where_a_size_is_asked_for(stored, file_format):
    whole = all_images(load(stored / file_format))
    cropped = all_images(load(stored / file_format, image_size=4, shorter_side=4))
    # 6 x 5 pixels: resized to 5 x 4, of which the upper 4 rows are the middle.
    resized = tf.image.resize(whole, (5, 4), antialias=True)[:, :4]
    expected = tf.round(resized).numpy()
    np.testing.assert_array_equal(cropped, expected.astype(np.uint8))


@pytest.mark.parametrize("name", ["tiny", "tiny_without_id"])
def test_of_images_seen_through_a_view_only_those_that_stay_are_in_memory(stored, name):
    whole = load(stored / "tfrecord", name, image_size=4)
    some = TAXONOMY.subset(["fish"])
    source = load(stored / "tfrecord", name, taxonomy=some, image_size=4)
    kept = np.flatnonzero(whole.fine == TAXONOMY.fine_names.index("carp"))
    np.testing.assert_array_equal(source.ids, whole.ids[kept])
    np.testing.assert_array_equal(all_images(source), all_images(whole)[kept])
    assert [source.encoded(i) for i in range(len(kept))] == [whole.encoded(i) for i in kept]
    # A cache of decoded images knows a record by the same name whatever else is left out.
    assert [source.origin(i) for i in range(len(kept))] == [whole.origin(i) for i in kept]
    assert source.dropped == {"manx": 40, "persian": 40}
    assert (len(source._records), len(whole._records)) == (40, 120)


def test_refuses_a_set_too_large_for_memory(stored, monkeypatch):
    # 120 images of 90 bytes, on a machine of 4096 bytes.
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1}.get)
    message = (
        "Split 'train' of 'tiny' takes 0.0 GiB in memory, more than half of this machine's 0.0 "
        "GiB; as ArrayRecord it is read image by image. Prepare it with: python -c "
        '"import tensorflow_datasets as tfds; '
        "tfds.builder('tiny', data_dir='A_NEW_FOLDER', file_format='array_record')"
        '.download_and_prepare()"'
    )
    check_refused(message, load, stored / "tfrecord")
    # A third of the images takes less than half.
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 8192, "SC_PHYS_PAGES": 1}.get)
    some = TAXONOMY.subset(["fish"])
    assert len(load(stored / "tfrecord", taxonomy=some)) == SIZES["train"] // 3
    # Encoded images take what their files take: here the whole of the memory.
    num_bytes = tfds.builder("tiny", data_dir=stored / "tfrecord").info.splits["train"].num_bytes
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": num_bytes, "SC_PHYS_PAGES": 1}.get)
    check_refused(message, load, stored / "tfrecord", image_size=4)
    assert len(load(stored / "tfrecord", taxonomy=some, image_size=4)) == SIZES["train"] // 3
    # Files with random access are not read into memory.
    assert len(load(stored / "array_record")) == SIZES["train"]


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_test_split_of_imagenet2012_is_the_labelled_one(tmp_path, file_format):
    task = load_taxonomy("imagenet_dog_cat")
    builder_class = tfds.builder_cls("imagenet2012")
    folder = pathlib.Path(tfds.__file__).parent / "datasets" / "imagenet2012"
    names = (folder / "labels.txt").read_text().split()
    others = [name for name in names if name not in task.source_names]
    features = {
        "image": tfds.features.Image(encoding_format="jpeg"),
        "label": tfds.features.ClassLabel(names=names),
        "file_name": tfds.features.Text(),
    }

    def examples(split, labels):
        image = np.zeros((5, 7, 3), np.uint8)
        for i, label in enumerate(labels):
            yield i, {"image": image, "label": label, "file_name": f"{split}_{i}.JPEG"}

    labels = {
        "train": [*task.source_names[::-1], *others[:3]],
        "validation": [*task.source_names[::2], others[0]],
        "test": [-1] * 4,
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        name="imagenet2012",
        version=str(builder_class.VERSION),
        data_dir=tmp_path,
        split_datasets={split: list(examples(split, given)) for split, given in labels.items()},
        features=tfds.features.FeaturesDict(features),
        file_format=file_format,
    )
    for split, stored_as in {"train": "train", "test": "validation"}.items():
        source = load(tmp_path, "imagenet2012", split, task, image_size=4)
        kept = sorted(name for name in labels[stored_as] if name in task.source_names)
        assert sorted(task.source_names[f] for f in source.fine) == kept
        assert source.dropped == {name: 1 for name in labels[stored_as] if name in others}
        assert all_images(source).shape == (len(kept), 4, 4, 3)


@pytest.fixture(scope="session")
def cifar100_test(data_dir):
    """The real test set; the training set takes five times as long to read."""
    return load_source("cifar100", "test", str(data_dir / "tfds"))


def test_cifar100_is_complete_and_labelled_officially(cifar100_test):
    source = cifar100_test
    assert source.taxonomy == cifar100()
    assert source.image_shape == (32, 32, 3)
    np.testing.assert_array_equal(np.bincount(source.fine), [100] * 100)
    np.testing.assert_array_equal(np.bincount(source.coarse), [500] * 20)
    assert len(np.unique(source.ids)) == 10_000


def test_cifar100_pixels_are_the_published_ones(cifar100_test):
    images = all_images(cifar100_test).astype(np.float64) / 255
    # The mean colour of the test set as it is quoted for CIFAR-100.
    np.testing.assert_allclose(images.mean((0, 1, 2)), [0.5088, 0.4874, 0.4419], atol=5e-4)


def test_cifar100_partition_has_the_papers_counts(cifar100_test):
    source = cifar100_test
    partition = draw_partition(source.fine, source.coarse, source.ids, 0.5, 0.5, 0.1)
    assert partition.counts == {"fine_labelled": 4500, "coarse_only": 5000, "validation": 500}
    for part, count in {"fine_labelled": 45, "coarse_only": 50, "validation": 5}.items():
        np.testing.assert_array_equal(
            np.bincount(source.fine[getattr(partition, part)]), [count] * 100
        )


def test_cifar100_takes_a_task_of_some_of_its_classes(data_dir, cifar100_test):
    animals = load_taxonomy("cifar100_animals")
    source = load_source("cifar100", "test", str(data_dir / "tfds"), animals)
    assert len(source) == 5000
    assert len(source.dropped) == 50
    assert set(source.dropped.values()) == {100}
    whole = cifar100_test
    coarse_names = [whole.taxonomy.coarse_names[k] for k in whole.coarse]
    kept = np.flatnonzero(np.isin(coarse_names, animals.coarse_names))
    np.testing.assert_array_equal(source.ids, whole.ids[kept])
    assert [animals.fine_names[f] for f in source.fine] == [
        whole.taxonomy.fine_names[f] for f in whole.fine[kept]
    ]
    np.testing.assert_array_equal(all_images(source), all_images(whole)[kept])


def test_cifar100_takes_other_coarse_classes(data_dir, cifar100_test):
    own = cifar100()
    halves = own.regroup({"first": own.fine_names[:50], "second": own.fine_names[50:]})
    source = load_source("cifar100", "test", str(data_dir / "tfds"), halves)
    np.testing.assert_array_equal(source.fine, cifar100_test.fine)
    np.testing.assert_array_equal(source.coarse, source.fine >= 50)


@pytest.mark.parametrize("file_format", FORMATS)
def test_records_are_kept_decoded_until_the_set_is_prepared_anew(
    stored, tmp_path, file_format, monkeypatch
):
    folder = shutil.copytree(stored / file_format, tmp_path / "sets")
    for info in folder.rglob("dataset_info.json"):
        os.utime(info, ns=(10**17, 10**17))  # A set that was prepared just now is not kept yet.
    sizes = {"image_size": 4, "shorter_side": 5}
    cached = {**sizes, "cache_dir": str(tmp_path / "cache"), "cache_images": True}
    for name in ("tiny", "tiny_without_id"):
        plain = all_images(load(folder, name, "test", **sizes)).astype(int)
        first = all_images(load(folder, name, "test", **cached))
        assert np.abs(first - plain).max() <= 1
    decode, decoded = decoded_cache.decode_resized, []
    monkeypatch.setattr(
        decoded_cache, "decode_resized", lambda *given: decoded.append(1) or decode(*given)
    )
    again = load(folder, name, "test", **cached)
    np.testing.assert_array_equal(all_images(again), first)
    assert not decoded
    os.utime(folder / name / "1.0.0/dataset_info.json", ns=(10**18, 10**18))
    np.testing.assert_array_equal(all_images(load(folder, name, "test", **cached)), first)
    assert len(decoded) == SIZES["test"]


def test_records_are_the_same_wherever_their_folder_is_named_from(stored, monkeypatch):
    origins = [load(stored / "array_record", image_size=4).origin(3)]
    for folder in ("array_record", "array_record/tiny"):
        monkeypatch.chdir(stored / folder)
        name = os.path.relpath(stored / "array_record")
        origins.append(load(name, image_size=4).origin(3))
    assert len(set(origins)) == 1


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_folder_for_images_that_are_not_decoded_is_refused(stored, file_format):
    message = (
        "Data set 'tiny' is read anew each time without cache_images: cache_dir /cache would be "
        "ignored. Leave that out."
    )
    check_refused(message, load, stored / file_format, cache_dir="/cache")
