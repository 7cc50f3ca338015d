"""What a data set holds, before training: of each kind of source, whole or damaged."""

import csv
import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from coarse2fine.data import ArraySource, EncodedSource
from coarse2fine.data.label_counts import count_labels
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy, coarse_from_synsets, read_is_a, write_taxonomy
from coarse2fine.training import Config, describe
from coarse2fine.training.description_text import description_text
from coarse2fine.training.plan import make_plan

CLASSES = {"siamese": "cat", "persian": "cat", "beagle": "dog", "boxer": "dog"}
SIZES = [(20, 30), (40, 21), (16, 16), (9, 50)]
ENCODERS = (tf.io.encode_jpeg, tf.io.encode_png)


def write_image(path, seed):
    height, width = SIZES[seed % 4]
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(ENCODERS[path.suffix == ".png"](image).numpy())


@pytest.fixture
def pets(tmp_path):
    """A tree: of each class 4 images for training and 4 below its coarse class, and 1 to test."""
    root = tmp_path / "pets"
    for fine, coarse in CLASSES.items():
        for i in range(4):
            write_image(root / "train" / coarse / fine / f"{i}.png", i)
            write_image(root / "train" / coarse / f"{fine}_{i}.jpg", i)
        write_image(root / "test" / coarse / fine / "0.png", 0)
    return root


def make_config(root, **changes):
    defaults = {
        "dataset": "folder",
        "data_dir": str(root),
        "image_size": 12,
        "shorter_side": 18,
        "batch_size": 8,
        "epochs": 3,
        "validation_fraction": 0.25,
    }
    return Config(**{**defaults, **changes})


def damage(root):
    """Spoils images of both splits; gives what each is called and what is wrong with it."""
    (root / "train/cat/siamese/1.png").write_bytes(b"")
    path = root / "train/dog/boxer_3.jpg"
    path.write_bytes(path.read_bytes()[:-50])
    (root / "test/dog/beagle/0.png").write_bytes(b"text")
    return {
        f"{root}/train/cat/siamese/1.png": "it is empty",
        f"{root}/train/dog/boxer_3.jpg": "its JPEG data is cut off",
        f"{root}/test/dog/beagle/0.png": "it is no JPEG, PNG, GIF or BMP image",
    }


def test_the_report_of_a_folder(pets):
    text = description_text(describe(make_config(pets)))
    # Shorter sides are 20, 21, 16 and 9; validation takes a quarter of 4 images of each class.
    assert (
        text
        == f"""\
# folder in {pets}, split train: 32 images

Images with a fine label: 16. Coarse-only: 16. Splits: train 32, test 4.

## Classes

| class     | fine classes | images | fine-labelled | coarse-only |
|-----------|-------------:|-------:|--------------:|------------:|
| cat       |            2 |     16 |             8 |           8 |
| - persian |              |      4 |             4 |             |
| - siamese |              |      4 |             4 |             |
| dog       |            2 |     16 |             8 |           8 |
| - beagle  |              |      4 |             4 |             |
| - boxer   |              |      4 |             4 |             |

## Image sizes

By the headers of all images.
Kinds: JPEG 16, PNG 16.
Width: 16 to 50, median 25.5. Height: 9 to 40, median 18.
Enlarged, with a shorter side below 18: 16 (50.0 %), of which smaller than the crop of 12: 8.
Without a readable header: 0.

## What training would draw

| labels=mixed, seed=0       | images |
|----------------------------|-------:|
| trained on with fine label |     12 |
| trained on as coarse-only  |     16 |
| validation                 |      4 |
| unused                     |      0 |

A batch of 8: 3 or 4 with fine label.
Updates: 12, 3 epochs of 4.
"""
    )


def test_a_table_is_described_as_the_folder_that_it_lists(pets):
    of_folder = describe(make_config(pets))
    path = pets / "pets.csv"
    rows = [("path", "coarse", "fine", "split")]
    for file in sorted(pets.rglob("*.*g")):
        split, coarse, *rest = file.relative_to(pets).parts
        rows.append((file.relative_to(pets), coarse, rest[0] if len(rest) == 2 else "", split))
    with path.open("w", newline="") as out:
        csv.writer(out).writerows(rows)
    of_table = describe(make_config(path, dataset="csv"))
    texts = [description_text(description) for description in (of_folder, of_table)]
    headings, rests = zip(*(text.split("\n", 1) for text in texts), strict=True)
    assert headings[1] == f"# csv in {path}, split train: 32 images"
    assert rests[0] == rests[1]


def test_the_test_split_has_no_plan(pets):
    description = describe(make_config(pets), "test")
    assert description.plan is None
    assert description.labels.fine.tolist() == [1, 1, 1, 1]
    assert description.sizes == {"train": 32, "test": 4}
    assert "training" not in description_text(description)


def test_a_flat_folder_takes_its_classes_from_the_taxonomy(tmp_path):
    for fine in CLASSES:
        write_image(tmp_path / "pets" / fine / "a.png", 0)
        write_image(tmp_path / "pets" / fine / "b.png", 1)
    taxonomy = tmp_path / "taxonomy.csv"
    taxonomy.write_text("fine,coarse\nsiamese,cat\npersian,cat\nbeagle,dog\n")
    config = make_config(tmp_path / "pets", taxonomy=str(taxonomy), test_fraction=0.5)
    description = describe(config)
    assert description.labels.coarse.tolist() == [2, 1]
    assert description.sizes == {"train": 3, "test": 3}
    assert (
        "Left out, classes that the taxonomy does not name: 1, with 2 images: boxer (2).\n"
        in description_text(description)
    )


@pytest.mark.parametrize("labels", ["mixed", "fine"])
def test_of_a_batch_size_that_is_to_be_found_the_parts_are_told(pets, labels):
    texts = [
        description_text(describe(make_config(pets, batch_size=size, labels=labels)))
        for size in (8, "auto")
    ]
    known, auto = (text.split("## What training would draw\n")[1] for text in texts)
    table = known[: known.index("A batch of 8")]
    assert "| trained on with fine label |" in table
    assert auto == table + "Batch size: auto, found when training begins.\n"


def test_a_split_that_is_missing_is_told_unless_it_is_the_one_described(pets):
    for path in sorted((pets / "test").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (pets / "test").rmdir()
    message = (
        f"The images of {pets} are all in the split train. Add test images; or, to have a test set "
        "drawn, leave the split out (its folder, or the table's column) and give test_fraction."
    )
    description = describe(make_config(pets))
    assert description.sizes == {"train": 32}
    assert f"Splits: train 32.\nNo split test: {message}\n" in description_text(description)
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        describe(make_config(pets), "test")


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        (
            {"labels": "oracle"},
            "labels=oracle needs the fine labels of all images, and 16 of 'folder' have none. "
            "Train with labels=mixed or labels=fine.",
        ),
        (
            {"batch_size": 2},
            "A batch of 2 is too small for the ratio of 12 fine-labelled to 16 coarse-only images: "
            "some batches would hold none of one kind. Use batch_size >= 3, "
            "or a coarse_share nearer to .5.",
        ),
    ],
)
def test_what_cannot_be_drawn_is_part_of_the_description(pets, changes, obstacle):
    description = describe(make_config(pets, **changes))
    assert description.plan is None
    assert description.obstacle == obstacle
    text = description_text(description)
    assert f"## What training would draw\n\nNothing can be drawn: {obstacle}\n" in text
    assert "## Image sizes" in text


def test_classes_without_a_fine_labelled_image_are_named(pets):
    for path in (pets / "train/cat/persian").iterdir():
        path.unlink()
    text = description_text(describe(make_config(pets)))
    assert "Fine classes without a fine-labelled image: 1 of 4: persian.\n" in text
    assert "Nothing can be drawn: 1 of 4 fine classes have no fine-labelled training image" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": "fine"},
        {"labels": "oracle"},
        {"labels": "coarse", "data_fraction": 0.5},
        {"fine_fraction": 0.2, "coarse_fraction": 0.3},
        {"epochs": None, "steps": 77, "fine_label_noise": 0.5},
        {"refit": True},
        {"coarse_share": 0.8},
    ],
)
def test_the_plan_is_the_one_that_training_makes(changes):
    config = Config(dataset="shapes/2x2", batch_size=32, **{"epochs": 4, **changes})
    description = describe(config)
    plan = make_plan(description.source, config)
    text = description_text(description)
    used = [len(plan.fine_labelled), len(plan.coarse_only), len(plan.partition.validation)]
    numbers = [
        int(n.replace(",", "")) for n in re.findall(r"^\| [tvu].* +([\d,]+) \|$", text, re.M)
    ]
    assert numbers == [*used, 800 - sum(used)]
    has_fine = np.concatenate([plan.schedule.images(plan.schedule.places(s))[1] for s in range(40)])
    per_batch = sorted(set(has_fine.reshape(40, 32).sum(1).astype(int).tolist()))
    assert f"A batch of 32: {' or '.join(map(str, per_batch))} with fine label.\n" in text
    each = plan.schedule.steps_per_epoch
    assert f"Updates: {plan.steps:,}, {plan.steps / each:.4g} epochs of {each}.\n" in text
    if config.fine_label_noise:
        assert f"that noise changes: {plan.fine_labels_changed}.\n" in text
    assert ("(refit)" in text) == config.refit


def test_updates_of_a_budget_are_found_later():
    config = Config(dataset="shapes/2x2", batch_size=32, budget="5m")
    text = description_text(describe(config))
    assert "\nUpdates: as many as 5m is enough for, found when training begins.\n" in text
    assert "\nA batch of 32: 15 or 16 with fine label.\n" in text


def test_a_share_that_changes_is_told_at_both_ends():
    config = Config(dataset="shapes/2x2", batch_size=32, coarse_share=0.25, final_coarse_share=0.7)
    text = description_text(describe(config))
    assert "\nA batch of 32: 24 at first, 9 or 10 at last with fine label.\n" in text


def test_some_headers_are_read_where_there_are_many_images(pets):
    (pets / "train/cat/siamese/1.png").write_bytes(b"no image")
    description = describe(make_config(pets), num_headers=31)
    text = description_text(description)
    assert description.headers.num_images == 31
    assert "\nBy the headers of 31 images drawn by the seed.\n" in text
    again = describe(make_config(pets), num_headers=31)
    np.testing.assert_array_equal(again.headers.heights, description.headers.heights)
    # All but one image are seen, and this is not the one.
    assert (
        "Without a readable header: 1.\n"
        f"- {pets}/train/cat/siamese/1.png: it is no JPEG, PNG, GIF or BMP image\n" in text
    )


def test_images_with_bad_headers_are_counted_and_three_are_named(pets):
    for i in range(4):
        (pets / f"train/cat/siamese/{i}.png").write_bytes(b"no image")
    text = description_text(describe(make_config(pets)))
    named = [
        f"- {pets}/train/cat/siamese/{i}.png: it is no JPEG, PNG, GIF or BMP image"
        for i in range(3)
    ]
    assert "\n".join(["Without a readable header: 4.", *named, "- and 1 more", ""]) in text


def test_an_empty_file_ends_the_description_as_it_would_training(pets):
    (pets / "train/cat/siamese/1.png").write_bytes(b"")
    message = f"{pets}: empty files (1): train/cat/siamese/1.png. Move, rename or remove them."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        describe(make_config(pets))


class TestVerifying:
    def test_names_every_bad_image_of_both_splits(self, pets):
        expected = damage(pets)
        shown = []
        description = describe(
            make_config(pets),
            verify=True,
            show_progress=lambda split: lambda done, total: shown.append((split, done, total)),
        )
        found = {f.image: f.reason for s in description.decoded.values() for f in s.failures}
        assert found == expected
        assert description.num_failures == 3
        assert shown == [("train", 32, 32), ("test", 4, 4)]
        listed = "".join(f"- {name}: {reason}\n" for name, reason in expected.items())
        assert description_text(description).endswith(
            "## Decoding\n\nSplit train: of 32 images 2 cannot be decoded.\n"
            f"Split test: of 4 images 1 cannot be decoded.\n\n{listed}"
        )

    def test_reads_the_sizes_of_all_images(self, pets):
        description = describe(make_config(pets), verify=True, num_headers=1)
        assert description.headers.num_images == 32
        assert description.num_failures == 0
        text = description_text(description)
        assert "By the headers of all images.\n" in text
        assert "Split train: of 32 images all can be decoded.\n" in text

    def test_beyond_ten_leaves_the_rest_to_a_file_where_there_is_one(self, pets):
        paths = sorted((pets / "train/cat").glob("*.jpg")) + sorted((pets / "train").rglob("*.png"))
        for path in paths[:11]:
            path.write_bytes(b"no image")
        description = describe(make_config(pets), verify=True)
        names = [f"- {f.image}: {f.reason}" for f in description.decoded["train"].failures]
        assert len(names) == 11
        assert description_text(description).endswith("\n".join([*names, ""]))
        assert description_text(description, "bad.txt").endswith(
            "\n".join([*names[:10], "- and 1 more", "", "All are listed in bad.txt.", ""])
        )

    def test_finds_nothing_to_decode_in_memory(self):
        description = describe(Config(dataset="shapes/2x2"), verify=True)
        assert description.decoded == {"train": None, "test": None}
        assert description.num_failures == 0
        text = description_text(description)
        assert "Split test lies decoded in memory: there is nothing to decode.\n" in text
        assert "\nAll images: 32 x 32, 3 channels.\n" in text


def store_records(folder, broken):
    """Writes 6 images of 3 classes as ArrayRecord, the data of those at `broken` cut off."""
    feature = tfds.features.Image(shape=(6, 5, 3))
    names = ["carp", "manx", "persian"]
    rng = np.random.default_rng(0)
    examples = [
        (i, {"image": rng.integers(0, 256, (6, 5, 3)).astype(np.uint8), "label": i % 3})
        for i in range(6)
    ]
    encode, count = feature.encode_example, iter(range(12))

    def encode_some(image):
        encoded = encode(image)
        return encoded[: len(encoded) // 2] if next(count) in broken else encoded

    feature.encode_example = encode_some
    tfds.dataset_builders.store_as_tfds_dataset(
        name="tiny",
        version="1.0.0",
        data_dir=folder,
        split_datasets={"train": examples, "test": examples},
        features=tfds.features.FeaturesDict(
            {"image": feature, "label": tfds.features.ClassLabel(names=names)}
        ),
        file_format="array_record",
    )


@pytest.mark.parametrize("image_size", [None, 4])
def test_record_files_are_described_and_verified(tmp_path, image_size):
    store_records(tmp_path / "tfds", broken={1, 8})
    taxonomy = tmp_path / "taxonomy.csv"
    taxonomy.write_text("fine,coarse\npersian,cat\nmanx,cat\ncarp,fish\n")
    config = make_config(
        tmp_path / "tfds",
        dataset="tiny",
        taxonomy=str(taxonomy),
        image_size=image_size,
        shorter_side=None,
    )
    description = describe(config, verify=True)
    assert isinstance(description.source, EncodedSource) == (image_size is not None)
    assert description.labels.fine.tolist() == [2, 2, 2]
    assert {split: len(s.failures) for split, s in description.decoded.items()} == {
        "train": 1,
        "test": 1,
    }
    assert "split train: 6 images\n" in description_text(description)


def test_a_thousand_classes_stay_legible():
    names = tuple(f"class {f}" for f in range(1000))
    taxonomy = Taxonomy(names, ("a", "b"), tuple(f % 2 for f in range(1000)))
    counts = 1 + np.arange(1000) * 7 % 97
    fine = np.repeat(np.arange(1000), counts)
    source = ArraySource(np.zeros((len(fine), 1, 1, 1), np.uint8), taxonomy, fine)
    description = describe(Config(dataset="shapes/2x2"))
    description = dataclasses.replace(description, source=source, labels=count_labels(source))
    text = description_text(description)
    assert len(text.splitlines()) < 40
    smallest = sorted(range(1000), key=lambda f: (counts[f], f))[:10]
    listed = ", ".join(f"class {f} ({counts[f]})" for f in smallest)
    assert (
        f"\nFine-labelled images of a fine class: 1 to 97, median {np.median(counts):g}.\n"
        f"The smallest fine classes: {listed}.\n" in text
    )
    for name, first in (("a", 0), ("b", 1)):
        number = f"{counts[first::2].sum():,}"
        assert (
            f"\n| {name}     |          500 | {number} |        {number} |           0 |\n" in text
        )


def test_folders_of_synsets_are_described_and_verified(data_dir, tmp_path):
    synsets = [path.name for path in sorted((data_dir / "imagenet_sample" / "train").iterdir())]
    is_a = read_is_a(data_dir / "hierarchy" / "wordnet3.0_noun_is_a.tsv")
    coarse = ("n02083346", "n02512053", "n00021939")
    write_taxonomy(coarse_from_synsets(is_a, synsets, coarse), tmp_path / "taxonomy.json")
    config = make_config(
        data_dir / "imagenet_sample",
        taxonomy=str(tmp_path / "taxonomy.json"),
        image_size=224,
        shorter_side=None,
    )
    description = describe(config, verify=True)
    assert description.sizes == {"train": 20 * 40, "test": 20 * 15}
    assert description.num_failures == 0
    assert sorted(description.labels.coarse.tolist()) == [40, 320, 440]
    text = description_text(description)
    # All are 224 x 224.
    assert "Enlarged, with a shorter side below 256: 800 (100.0 %), of which smaller than" in text
    assert "the crop of 224: 0.\n" in text
