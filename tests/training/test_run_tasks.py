"""Runs on the kinds of tasks that Chen 2018 studies: two coarse classes, and images in folders."""

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import ArraySource
from coarse2fine.data.labels import fine_of_label
from coarse2fine.evaluation import evaluate
from coarse2fine.taxonomy import (
    coarse_from_synsets,
    read_is_a,
    read_synset_names,
    read_synsets,
)
from coarse2fine.training import Config, load_run, train

TINY = {
    "width": 0.05,
    "steps": 2,
    "batch_size": 16,
    "validation_fraction": 0.0,
    "schedule": "cosine",
    "preprocess": "standardize",
    "fine_fraction": 1.0,
    "coarse_fraction": 0.0,
}
LABELS = ("coarse", "fine")

COARSE = {"n02083346": "canine", "n02512053": "fish", "n00021939": "artifact"}


def check_report(report, num_images, labels):
    assert report["step"] == 2
    assert report["num_images"] == num_images
    assert 0 <= report["coarse_top1"] <= 1
    assert (report["fine_top1"] is None) == (labels == "coarse")
    assert (report["coarse_top1_from_fine"] is None) == (labels == "coarse")


@pytest.mark.parametrize("labels", LABELS)
def test_two_coarse_classes_of_five_are_learned_from_either_kind_of_labels(tmp_path, labels):
    config = Config(dataset="shapes/2x5", labels=labels, **TINY)
    run = train(config, tmp_path)
    assert run.taxonomy.children == ((0, 1, 2, 3, 4), (5, 6, 7, 8, 9))
    check_report(evaluate(tmp_path), 1000, labels)


@pytest.fixture(scope="module")
def synsets(data_dir):
    """The sample's classes below their WordNet ancestors, in an order that is not the folders'."""
    is_a = read_is_a(data_dir / "hierarchy" / "wordnet3.0_noun_is_a.tsv")
    path = data_dir / "imagenet_sample" / "classes.tsv"
    names = {**read_synset_names(path), **COARSE}
    return coarse_from_synsets(is_a, sorted(read_synsets(path), reverse=True), COARSE, names=names)


def read_folder(folder, taxonomy, each):
    """The first `each` JPEGs of each class's folder, resized to 32x32."""
    names = sorted(path.name for path in folder.iterdir())
    to_fine = fine_of_label("imagenet_sample", names, taxonomy)
    images, fine, ids = [], [], []
    for label, name in enumerate(names):
        for path in sorted((folder / name).glob("*.jpg"))[:each]:
            image = tf.io.decode_jpeg(path.read_bytes(), channels=3)
            image = tf.round(tf.image.resize(image, (32, 32), antialias=True))
            images.append(tf.cast(image, tf.uint8).numpy())
            fine.append(to_fine[label])
            ids.append(path.name)
    return ArraySource(np.stack(images), taxonomy, np.array(fine), np.array(ids))


@pytest.mark.parametrize("labels", LABELS)
def test_photographs_that_lie_in_folders_of_synsets_are_learned_from(
    tmp_path, data_dir, synsets, labels
):
    train_source, test_source = (
        read_folder(data_dir / "imagenet_sample" / split, synsets, each)
        for split, each in (("train", 4), ("val", 2))
    )
    config = Config(labels=labels, **TINY)
    run = train(config, tmp_path, source=train_source)
    counts = run.workdir.read_data()["images"]
    assert sum(counts.values()) == 80
    # The run remembers which folder each class is.
    taxonomy = load_run(tmp_path).taxonomy
    assert taxonomy == synsets
    parents = [taxonomy.coarse_names[k] for k in taxonomy.parent]
    assert [parents.count(name) for name in COARSE.values()] == [11, 1, 8]
    assert taxonomy.source_names[parents.index("fish")] == "n01440764"
    check_report(evaluate(tmp_path, source=test_source), 40, labels)
