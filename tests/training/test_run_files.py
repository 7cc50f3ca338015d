"""Runs on image files: from folders and tables to a served model."""

import csv
import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import evaluation_batches, pipeline, training_batches
from coarse2fine.data.pipeline import view_batches
from coarse2fine.data.views import CenterCrop, TenCrop
from coarse2fine.errors import InputError
from coarse2fine.evaluation import evaluate, features, predict
from coarse2fine.export import export
from coarse2fine.training import Config, load_split, train
from coarse2fine.training.plan import make_plan

CLASSES = {"siamese": "cat", "persian": "cat", "beagle": "dog", "boxer": "dog"}
EACH = 8


def write_image(path, seed, encode=tf.io.encode_png):
    """An image of any size, at least 20 pixels wide and high."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(20, 40, 2)
    image = rng.integers(0, 256, (height // 4, width // 4, 3)).astype(np.float32)
    image = tf.cast(tf.image.resize(image, (height, width)), tf.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(image).numpy())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tree of images; half of those for training lie directly in the coarse folders."""
    root = tmp_path_factory.mktemp("images") / "pets"
    seed = 0
    for split in ("train", "test"):
        for fine, coarse in CLASSES.items():
            for i in range(EACH):
                seed += 1
                below = f"{fine}/{i}.png" if split == "test" or i % 2 else f"{fine}_{i}.png"
                write_image(root / split / coarse / below, seed)
    return root


@pytest.fixture(scope="module")
def table(folder):
    """The same images in a table."""
    path = folder / "pets.csv"
    rows = [("path", "coarse", "fine", "split")]
    for file in sorted(folder.rglob("*.png")):
        split, coarse, *rest = file.relative_to(folder).parts
        fine = rest[0] if len(rest) == 2 else ""
        rows.append((file.relative_to(folder).as_posix(), coarse, fine, split))
    with path.open("w", newline="") as out:
        csv.writer(out).writerows(rows)
    yield path
    path.unlink()


def make_config(root, **changes):
    defaults = {
        "dataset": "folder",
        "data_dir": str(root),
        "image_size": 16,
        "shorter_side": 18,
        "backbone": "preact_resnet",
        "width": 0.05,
        "batch_size": 8,
        "steps": 4,
        "schedule": "cosine",
        "preprocess": "standardize",
        "validation_fraction": 0.0,
        "augment": "random_crop",
    }
    return Config(**{**defaults, **changes})


def batches_of(config, count=4):
    source = load_split(config, "train")
    plan = make_plan(source, config)
    batches = training_batches(
        plan.source,
        plan.fine_labelled,
        plan.coarse_only,
        plan.schedule,
        lambda images: tf.cast(images, tf.float32),
        config.augment,
    )
    return [keras.tree.map_structure(np.asarray, batch) for batch in batches.take(count)]


def test_who_has_a_fine_label_follows_from_the_tree(folder):
    source = load_split(make_config(folder), "train")
    plan = make_plan(source, make_config(folder))
    assert plan.partition.counts == {"fine_labelled": 16, "coarse_only": 16, "validation": 0}
    assert (source.fine[plan.coarse_only] == -1).all()


@pytest.mark.parametrize("augment", ["none", "random_crop", "random_resized_crop"])
def test_a_folder_and_a_table_give_the_same_batches(folder, table, augment):
    config = make_config(folder, augment=augment)
    of_folder = batches_of(config)
    of_table = batches_of(config.replace(dataset="csv", data_dir=str(table)))
    for one, other in zip(of_folder, of_table, strict=True):
        keras.tree.map_structure(np.testing.assert_array_equal, one, other)


def test_random_crops_differ_from_pass_to_pass_and_not_from_run_to_run(folder):
    config = make_config(folder)
    first, second = batches_of(config, 8), batches_of(config, 8)
    for one, other in zip(first, second, strict=True):
        keras.tree.map_structure(np.testing.assert_array_equal, one, other)
    passes = [np.concatenate([b[0] for b in first[i : i + 4]]) for i in (0, 4)]
    assert {p.tobytes() for p in passes[0]}.isdisjoint(p.tobytes() for p in passes[1])


def test_crops_are_refused_of_images_in_memory(tmp_path):
    in_memory = {"dataset": "shapes/2x2", "data_dir": None}
    config = make_config(None, **in_memory, image_size=None, shorter_side=None)
    message = (
        "augment=random_crop crops images as they are read from files, and those of 'shapes/2x2' "
        "are in memory in one size. Use crop_flip."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        train(config, tmp_path)


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    return train(make_config(folder), tmp_path_factory.mktemp("run") / "run")


def test_evaluation_sees_the_middle(folder, run):
    source = load_split(run.config, "test", run.taxonomy)
    assert source.view == CenterCrop(16, 18)
    report = evaluate(run)
    assert report["num_images"] == 32
    again = predict(run.model, run.preprocess, source)
    images = source.images(tf.range(32, dtype=tf.int64))
    scores = run.model(run.preprocess(images), training=False)
    np.testing.assert_allclose(again.fine_scores, scores["fine"], rtol=1e-4, atol=1e-4)


def test_ten_views_are_the_mean_of_ten_crops(folder, run):
    source = load_split(run.config, "test", run.taxonomy)
    averaged = predict(run.model, run.preprocess, source, batch_size=25, views=10)
    total = {"fine": 0.0, "coarse": 0.0}
    for place in range(10):

        class OneOf:
            size, num_windows = 16, 1

            def windows(self, height, width, rng, place=place):
                return [TenCrop(16, 18).windows(height, width, rng)[place]]

        images = source.images(tf.range(32, dtype=tf.int64), OneOf())
        scores = run.model(run.preprocess(images), training=False)
        for level in total:
            total[level] += tf.nn.softmax(scores[level]).numpy() / 10
    for level, scores in (("fine", averaged.fine_scores), ("coarse", averaged.coarse_scores)):
        # A level of 255 may be rounded otherwise where a larger part of an image is decoded.
        np.testing.assert_allclose(tf.nn.softmax(scores), total[level], atol=2e-3)


def test_ten_views_of_images_in_memory_are_refused(run):
    source = load_split(Config(dataset="shapes/2x2"), "test")
    with pytest.raises(InputError, match=r"^10 views are crops of image files, and the images of"):
        predict(run.model, run.preprocess, source, views=10)


def test_the_exported_model_sees_what_evaluation_sees(folder, run, tmp_path):
    export(run, tmp_path / "model")
    serve = tf.saved_model.load(tmp_path / "model").signatures["serve_encoded"]
    source = load_split(run.config, "test", run.taxonomy)
    encoded = tf.constant([source.encoded(i) for i in range(len(source))])
    served = serve(images=encoded)
    expected = tf.nn.softmax(predict(run.model, run.preprocess, source).fine_scores)
    # As above, where a window alone is resized.
    np.testing.assert_allclose(served["fine_probabilities"], expected, atol=5e-3)


@pytest.fixture
def damaged(folder, tmp_path):
    """A copy of the folder in which one image of each part is cut off."""
    bad = []
    for file in folder.rglob("*.png"):
        target = tmp_path / "pets" / file.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        data = file.read_bytes()
        if target.name in ("siamese_2.png",) or target.match("train/dog/boxer/3.png"):
            data = data[: len(data) // 2]
            bad.append(target)
        target.write_bytes(data)
    return tmp_path / "pets", sorted(bad)


def test_an_image_that_cannot_be_decoded_stops_the_run_by_name(damaged, tmp_path):
    root, bad = damaged
    with pytest.raises(InputError) as error:
        train(
            make_config(
                root,
                preprocess="own",
                backbone="keras.applications.MobileNetV2",
                width=1.0,
                image_size=32,
                shorter_side=36,
            ),
            tmp_path / "run",
        )
    assert any(
        str(error.value) == f"{path} cannot be read as an image: its PNG data is damaged or cut "
        "off. Replace or remove it, or pass skip_bad_images."
        for path in bad
    ), str(error.value)


def test_bad_images_are_replaced_by_others_of_their_class_and_listed(damaged, tmp_path):
    root, bad = damaged
    config = make_config(root, skip_bad_images=True, steps=8)
    runs = [train(config, tmp_path / name) for name in ("one", "other")]
    lists = [
        [json.loads(line) for line in sorted((run.workdir.path / "bad_images.jsonl").open())]
        for run in runs
    ]
    assert lists[0] == lists[1]
    assert sorted(entry["image"] for entry in lists[0]) == [str(path) for path in bad]
    for entry in lists[0]:
        old, new = entry["image"], entry["replaced_by"]
        assert (root / new).parent == type(root)(old).parent
        assert new not in old
    # Evaluated on those images too, of which each is seen.
    report = evaluate(runs[0], training=True)
    assert report["training"]["num_images"] == 32
    for a, b in zip(runs[0].model.variables, runs[1].model.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_run_that_a_bad_image_stopped_goes_on_without_it(damaged, tmp_path):
    root, bad = damaged
    config = make_config(root)
    with pytest.raises(InputError, match=r"Replace or remove it, or pass skip_bad_images\.$"):
        train(config, tmp_path / "run")
    run = train(config.replace(skip_bad_images=True), tmp_path / "run")
    assert run.step == run.config.steps
    lines = (tmp_path / "run/bad_images.jsonl").read_text().splitlines()
    assert {json.loads(line)["image"] for line in lines} <= {str(path) for path in bad}
    assert lines


def cut_off_a_test_image(root):
    """Damages an image of the test set, and gives what is said about it."""
    path = root / "test/cat/siamese/5.png"
    path.write_bytes(path.read_bytes()[:100])
    return (
        f"{path} cannot be read as an image: its PNG data is damaged or cut off. Replace or "
        "remove it."
    )


def test_bad_test_images_are_named_and_never_replaced(damaged, tmp_path):
    root, _ = damaged
    config = make_config(root, skip_bad_images=True)
    message = re.escape(cut_off_a_test_image(root))
    run = train(config, tmp_path / "run")
    with pytest.raises(InputError, match=f"^{message}$"):
        evaluate(run)
    with pytest.raises(InputError, match=f"^{message}$"):
        features(run, load_split(config, "test"))
    with pytest.raises(InputError, match=f"^{message}$"):
        train(config.replace(track_test_accuracy=True), tmp_path / "tracked")


@pytest.mark.parametrize("images_a_part", [1, 2])
def test_a_view_that_has_several_windows_keeps_them_together(folder, monkeypatch, images_a_part):
    monkeypatch.setattr(pipeline, "_PART_BYTES", 4 * 10 * 16 * 16 * 3 * images_a_part)
    source = load_split(make_config(folder), "test")
    indices = np.arange(7)
    batches = view_batches(source, indices, 25, lambda images: images, TenCrop(16, 18))
    images = np.concatenate(list(batches.as_numpy_iterator()))[:70]
    for index in indices:
        own = source.images(tf.constant([index], tf.int64), TenCrop(16, 18))
        np.testing.assert_array_equal(images[10 * index : 10 * index + 10], own)
    (first, *_) = evaluation_batches(source, indices, 8, lambda images: images)
    np.testing.assert_array_equal(images[::10], first[0][:7])
