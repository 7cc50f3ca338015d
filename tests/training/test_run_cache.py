"""Runs that keep what they find and decode: the same images, also in later runs and evaluation."""

import functools
import os
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import ArraySource, load_source
from coarse2fine.data.image_tree import scan_images
from coarse2fine.errors import InputError
from coarse2fine.evaluation import evaluate
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, load_split, train

pytestmark = pytest.mark.usefixtures("later")

CLASSES = {"siamese": "cat", "persian": "cat", "beagle": "dog"}
EACH = 6
LONG_AGO = (10**18, 10**18)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tree of images that have not changed for long."""
    root = tmp_path_factory.mktemp("images") / "pets"
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for fine, coarse in CLASSES.items():
            (root / split / coarse / fine).mkdir(parents=True)
            for i in range(EACH):
                image = rng.integers(0, 256, (*rng.integers(20, 40, 2), 3), np.uint8)
                path = root / split / coarse / fine / f"{i}.png"
                path.write_bytes(tf.io.encode_png(image).numpy())
                os.utime(path, ns=LONG_AGO)
    for path in (root, *root.rglob("*/")):
        os.utime(path, ns=LONG_AGO)
    return root


@pytest.fixture(scope="module")
def table(folder):
    """The same images in a table."""
    path = folder.parent / "pets.csv"
    lines = ["path,coarse,fine,split"]
    for file in sorted(folder.rglob("*.png")):
        split, coarse, fine, _ = file.relative_to(folder).parts
        lines.append(f"{file.relative_to(folder.parent).as_posix()},{coarse},{fine},{split}")
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A small network's file."""
    path = tmp_path_factory.mktemp("network") / "network.keras"
    keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(4, 3, 4)]).save(path)
    return path


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def make_config(network):
    return functools.partial(_make_config, str(network))


def _make_config(network, root, cache=None, **changes):
    defaults = {
        "dataset": "folder",
        "data_dir": str(root),
        "image_size": 16,
        "shorter_side": 18,
        "cache_dir": None if cache is None else str(cache),
        "cache_images": cache is not None,
        "backbone": network,
        "batch_size": 6,
        "steps": 3,
        "schedule": "cosine",
        "preprocess": "own",
        "validation_fraction": 0.0,
        "augment": "random_crop",
    }
    return Config(**{**defaults, **changes})


@pytest.fixture
def counts(monkeypatch):
    """How often image bytes were decoded and folders scanned so far."""
    counted = {"decoded": 0, "scanned": 0}

    def counting(name, function):
        def counted_function(*args):
            counted[name] += 1
            return function(*args)

        return counted_function

    for name, where in (("decode_windows", "decoding"), ("decode_resized", "decoded_cache")):
        module = f"coarse2fine.data.{where}"
        function = getattr(__import__(module, fromlist=[name]), name)
        monkeypatch.setattr(f"{module}.{name}", counting("decoded", function))
    monkeypatch.setattr(
        "coarse2fine.data.image_index.scan_images", counting("scanned", scan_images)
    )
    return counted


def refused(message):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


def test_later_runs_and_evaluation_decode_nothing(make_config, folder, cache, tmp_path, counts):
    config = make_config(folder, cache)
    first = train(config, tmp_path / "first")
    report = evaluate(first)
    # Two batches may decode an image at once that is in both.
    assert counts["decoded"] >= 2 * EACH * len(CLASSES)
    before = dict(counts)
    second = train(config, tmp_path / "second")
    assert evaluate(second) == report
    assert evaluate(second, views=10)["views"] == 10
    assert counts == before
    assert before["scanned"] == 1
    assert evaluate(second, cache_dir=str(tmp_path / "other")) == report
    assert counts == {"decoded": before["decoded"] + EACH * len(CLASSES), "scanned": 2}
    for one, other in zip(first.model.variables, second.model.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize("dataset", ["folder", "csv"])
def test_images_are_those_without_a_cache_but_for_a_level(
    make_config, folder, table, cache, dataset
):
    root = folder if dataset == "folder" else table
    for split in ("train", "test"):
        plain = load_split(make_config(root, dataset=dataset), split)
        kept = load_split(make_config(root, cache, dataset=dataset), split)
        assert plain.fingerprint() == kept.fingerprint()
        for _ in range(2):
            one, other = (next(source.chunks(np.arange(18))) for source in (plain, kept))
            assert np.abs(one.astype(int) - other).max() <= 1


def test_a_run_goes_on_beside_another_cache_but_not_without_one(
    make_config, folder, cache, tmp_path
):
    train(make_config(folder, cache), tmp_path / "run")
    train(make_config(folder, tmp_path / "other"), tmp_path / "run")
    message = (
        f"{tmp_path / 'run'} holds another run (cache_images: True, not False). Use another "
        "workdir, or the values of that run."
    )
    with refused(message):
        train(make_config(folder), tmp_path / "run")


def test_without_cache_images_only_the_index_is_kept(make_config, folder, cache, tmp_path, counts):
    config = make_config(folder, cache, cache_images=False)
    runs = [train(config, tmp_path / name) for name in ("one", "other")]
    assert [path.suffix for path in cache.iterdir()] == [".npz"]
    assert counts["scanned"] == 1
    plain = train(make_config(folder), tmp_path / "plain")
    assert plain.workdir.read_data() == runs[1].workdir.read_data()
    for one, other in zip(plain.model.variables, runs[1].model.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_full_disk_stops_the_run_and_counts_no_image_as_bad(
    make_config, folder, cache, tmp_path, monkeypatch
):
    def full(path, content, is_shared=False):
        raise InputError(f"{path} cannot be written: No space left on device.")

    monkeypatch.setattr("coarse2fine.data.decoded_cache.write_bytes", full)
    with pytest.raises(InputError, match=r"pixels cannot be written: No space left on device\. It"):
        train(make_config(folder, cache, skip_bad_images=True), tmp_path / "run")
    assert not (tmp_path / "run/bad_images.jsonl").exists()


def test_bad_images_are_replaced_beside_a_cache(make_config, folder, cache, tmp_path):
    bad = tmp_path / "pets/train/cat/siamese/3.png"
    for file in folder.rglob("*.png"):
        target = tmp_path / "pets" / file.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes()[: 90 if target == bad else None])
        os.utime(target, ns=LONG_AGO)
    runs = [
        train(make_config(bad.parents[3], c, skip_bad_images=True), tmp_path / name)
        for c, name in ((None, "plain"), (cache, "one"), (cache, "other"))
    ]
    lists = [(run.workdir.path / "bad_images.jsonl").read_text() for run in runs]
    assert lists[0] == lists[1] == lists[2]
    assert str(bad) in lists[0]


class TestRefuses:
    def test_a_folder_for_nothing(self, make_config, folder, table, cache):
        config = make_config(table, cache, dataset="csv", cache_images=False)
        message = (
            f"Data set 'csv' is read anew each time without cache_images: cache_dir {cache} would "
            "be ignored. Leave that out."
        )
        with refused(message):
            load_split(config, "train")
        message = (
            "Data set 'shapes/2x2' is drawn in 32x32 pixels, not read: cache_dir /cache would be "
            "ignored. Leave that out."
        )
        with refused(message):
            load_source("shapes/2x2", "train", cache_dir="/cache")

    @pytest.mark.parametrize("given", [{"image_size": 8}, {"cache_dir": "/cache"}])
    def test_images_to_keep_without_a_folder_or_a_size(self, folder, given):
        message = "cache_images keeps resized images in a folder: give cache_dir and image_size."
        with refused(message):
            load_source("folder", "train", str(folder), cache_images=True, **given)

    def test_a_folder_beside_images_given_in_python(self, make_config, tmp_path):
        images = np.zeros((8, 16, 16, 3), np.uint8)
        source = ArraySource(images, Taxonomy(("a", "b"), ("x",), (0, 0)), np.arange(8) % 2)
        config = make_config(None, tmp_path / "cache", cache_images=False)
        message = (
            f"The images of this run are given in Python: cache_dir {tmp_path / 'cache'} would be "
            "ignored. Leave it out."
        )
        with refused(message):
            train(config, tmp_path / "run", source=source)

    @pytest.mark.parametrize("asked", [True, False])
    def test_a_source_that_was_loaded_otherwise(self, make_config, folder, cache, tmp_path, asked):
        configs = [make_config(folder), make_config(folder, cache)]
        source = load_split(configs[not asked], "train")
        message = (
            f"cache_images is {asked}, and the source given beside it has "
            f"{'no' if asked else 'a'} cache of decoded images. Load the source with "
            "load_split(config, ...), or change cache_images."
        )
        with refused(message):
            train(configs[asked], tmp_path / "run", source=source)


def test_counting_sees_what_is_decoded_without_a_cache(make_config, folder, counts):
    load_split(make_config(folder), "test")[0]
    assert counts["decoded"] == 1
