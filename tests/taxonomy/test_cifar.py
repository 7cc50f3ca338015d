"""The built-in taxonomies, against the labels that came with the images."""

import numpy as np
import pytest

from coarse2fine.taxonomy import cifar10, cifar100


def read_names(data_dir, level):
    (path,) = (data_dir / "tfds" / "cifar100").glob(f"*/{level}.labels.txt")
    return tuple(path.read_text().split())


def test_cifar100_has_the_official_names_in_their_order(data_dir):
    assert cifar100().fine_names == read_names(data_dir, "label")
    assert cifar100().coarse_names == read_names(data_dir, "coarse_label")


@pytest.mark.parametrize("split", ["train", "test"])
def test_cifar100_has_the_official_parents(data_dir, split):
    tfds = pytest.importorskip("tensorflow_datasets")
    builder = tfds.builder("cifar100", data_dir=data_dir / "tfds")
    wanted = {key: builder.info.features[key] for key in ("label", "coarse_label")}
    labels = builder.as_dataset(
        split=split, batch_size=-1, decoders=tfds.decode.PartialDecoding(wanted)
    )
    fine, coarse = labels["label"].numpy(), labels["coarse_label"].numpy()
    np.testing.assert_array_equal(cifar100().coarsen(fine), coarse)
    assert len(np.unique(fine)) == 100


def test_cifar100_has_20_coarse_classes_of_5():
    taxonomy = cifar100()
    assert (taxonomy.num_fine, taxonomy.num_coarse) == (100, 20)
    assert {len(members) for members in taxonomy.children} == {5}


def test_cifar10_splits_into_animals_and_vehicles():
    taxonomy = cifar10()
    assert taxonomy.coarse_names == ("animal", "vehicle")
    assert [taxonomy.fine_names[f] for f in taxonomy.children[0]] == [
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
    ]
    assert [taxonomy.fine_names[f] for f in taxonomy.children[1]] == [
        "airplane",
        "automobile",
        "ship",
        "truck",
    ]


def test_cifar10_has_the_official_order():
    # Krizhevsky 2009, batches.meta.
    official = "airplane automobile bird cat deer dog frog horse ship truck"
    assert " ".join(cifar10().fine_names) == official
