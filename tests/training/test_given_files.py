"""Runs of other people's networks: of keras.applications, of a file, from given weights."""

import contextlib
import pathlib
import re
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from coarse2fine.backbones import nin
from coarse2fine.data import ArraySource
from coarse2fine.errors import InputError
from coarse2fine.evaluation import evaluate
from coarse2fine.export import export
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, load_run, train

TAXONOMY = Taxonomy(("a", "b", "c", "d"), ("x", "y"), (0, 0, 1, 1))


def make_source(size=8, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, size=(40, size, size, 3)).astype(np.uint8)
    return ArraySource(images, TAXONOMY, np.tile(np.arange(4), 10))


def make_config(**changes):
    defaults = {
        "batch_size": 8,
        "steps": 2,
        "schedule": "cosine",
        "preprocess": "own",
        "validation_fraction": 0.0,
    }
    return Config(**{**defaults, **changes})


def make_network(filters=4):
    images = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 255)(images)
    x = layers.Conv2D(filters, 3, name="frozen", trainable=False)(x)
    x = layers.Conv2D(filters, 3, name="learning")(x)
    return keras.Model(images, layers.GlobalAveragePooling2D()(x), name="mine")


@pytest.fixture
def network(tmp_path):
    """A network of a user's own, and its file."""
    model = make_network()
    path = tmp_path / "mine.keras"
    model.save(path)
    return model, path


def kernels(model):
    return {name: model.get_layer(name).kernel.numpy() for name in ("frozen", "learning")}


def scores(run, images):
    return run.model(run.preprocess(tf.constant(images)), training=False)["fine"].numpy()


class Crash(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise RuntimeError("crash")


@contextlib.contextmanager
def refused(message):
    with pytest.raises(InputError) as error:
        yield
    assert str(error.value) == message


def test_a_network_of_keras_applications_trains_and_serves_what_it_predicts(tmp_path):
    config = make_config(backbone="keras.applications.MobileNet", preprocess="own")
    run = train(config, tmp_path / "run", source=make_source(32))
    assert evaluate(tmp_path / "run", source=make_source(32, seed=1))["num_images"] == 40
    images = make_source(32, seed=1).images(tf.range(5)).numpy()
    expected = scores(run, images)
    again = load_run(tmp_path / "run")
    np.testing.assert_array_equal(scores(again, images), expected)

    export(again, tmp_path / "exported")
    serve = tf.saved_model.load(str(tmp_path / "exported")).signatures["serve_images"]
    powers = np.exp(expected - expected.max(-1, keepdims=True))
    np.testing.assert_allclose(
        serve(images=tf.constant(images))["fine_probabilities"],
        powers / powers.sum(-1, keepdims=True),
        rtol=1e-4,
        atol=1e-6,
    )


def test_a_run_starts_from_its_networks_weights_and_needs_the_file_no_more(tmp_path, network):
    given, path = kernels(network[0]), network[1]
    config = make_config(backbone=str(path), learning_rate=1e-3)
    run = train(config, tmp_path / "run", source=make_source())
    trained = kernels(run.model.backbone)
    np.testing.assert_array_equal(trained["frozen"], given["frozen"])
    assert 0 < np.abs(trained["learning"] - given["learning"]).max() < 0.01

    path.unlink()
    again = load_run(tmp_path / "run")
    assert not again.model.backbone.get_layer("frozen").trainable
    images = make_source().images(tf.range(5)).numpy()
    np.testing.assert_array_equal(scores(again, images), scores(run, images))


def test_two_replicas_start_from_the_networks_weights_too(tmp_path, network):
    config = make_config(backbone=str(network[1]), strategy="mirrored", learning_rate=1e-3)
    mirrored = train(config, tmp_path / "two", source=make_source())
    single = train(config.replace(strategy="single"), tmp_path / "one", source=make_source())
    for a, b in zip(mirrored.model.get_weights(), single.model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.fixture
def start(tmp_path):
    """A narrow NIN, and the config of a run that starts from its weights."""
    model = nin((8, 8, 3), width=0.05)
    path = tmp_path / "start.weights.h5"
    model.save_weights(path)
    config = make_config(preprocess="center", width=0.05, backbone_weights=str(path))
    return model, config


def test_a_run_starts_from_the_given_weights_and_needs_the_file_no_more(tmp_path, start):
    given, config = start
    config = config.replace(learning_rate=1e-12, weight_decay=0.0)
    run = train(config, tmp_path / "run", source=make_source())
    for a, b in zip(run.model.backbone.trainable_weights, given.trainable_weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)

    pathlib.Path(config.backbone_weights).unlink()
    again = load_run(tmp_path / "run")
    for a, b in zip(again.model.get_weights(), run.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("given", ["backbone", "backbone_weights"])
def test_a_run_goes_on_from_its_checkpoint_and_not_from_the_file(tmp_path, network, start, given):
    config = start[1] if given == "backbone_weights" else make_config(backbone=str(network[1]))
    config = config.replace(steps=10, checkpoint_every_steps=1)
    whole = train(config, tmp_path / "whole", source=make_source())
    with pytest.raises(RuntimeError, match="crash"):
        train(config, tmp_path / "cut", lambda name, steps: [Crash()], make_source())
    resumed = train(config, tmp_path / "cut", source=make_source())
    for a, b in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("given", ["backbone", "backbone_weights"])
def test_a_run_whose_checkpoints_are_all_damaged_does_not_begin_with_other_weights(
    tmp_path, network, start, given
):
    config = start[1] if given == "backbone_weights" else make_config(backbone=str(network[1]))
    whole = train(config, tmp_path / "run", source=make_source())
    folder = whole.workdir.checkpoints
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    for _ in range(2):
        with pytest.raises(InputError, match=f"^All checkpoints in {folder} are damaged: "):
            train(config, tmp_path / "run", source=make_source())
    shutil.rmtree(folder)  # As the message says.
    again = train(config, tmp_path / "run", source=make_source())
    for a, b in zip(again.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("given", ["backbone", "backbone_weights"])
def test_a_run_that_has_a_checkpoint_goes_on_and_ends_without_its_file(
    tmp_path, network, start, given
):
    config = start[1] if given == "backbone_weights" else make_config(backbone=str(network[1]))
    config = config.replace(steps=10, checkpoint_every_steps=1)
    whole = train(config, tmp_path / "whole", source=make_source())
    with pytest.raises(RuntimeError, match="crash"):
        train(config, tmp_path / "cut", lambda name, steps: [Crash()], make_source())
    path = pathlib.Path(getattr(config, given))
    path.unlink()
    resumed = train(config, tmp_path / "cut", source=make_source())
    finished = train(config, tmp_path / "whole", source=make_source())
    for run in (resumed, finished):
        for a, b in zip(run.model.get_weights(), whole.model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(InputError, match=re.escape(str(path))):
        train(config, tmp_path / "new", source=make_source())


def test_another_file_of_that_name_is_another_run(tmp_path, network):
    path = network[1]
    config = make_config(backbone=str(path))
    train(config, tmp_path / "run", source=make_source())
    make_network().save(path)
    with refused(
        f"{tmp_path / 'run'} holds a run that began with another {path}: the file has changed "
        "since. Use another workdir, or the file of that run."
    ):
        train(config, tmp_path / "run", source=make_source())


@pytest.mark.parametrize(
    ("changes", "size", "message"),
    [
        (
            {"backbone": "{mine}"},
            9,
            "The network in {mine} takes images of shape (8, 8, 3), and these have shape "
            "(9, 9, 3).",
        ),
        (
            {"backbone": "keras.applications.MobileNet"},
            8,
            "keras.applications.MobileNet cannot take images of shape (8, 8, 3): Input size must "
            "be at least 32x32; Received: input_shape=(8, 8, 3)",
        ),
        (
            {"backbone": "keras.applications.MobileNet", "backbone_weights": "{mine}"},
            32,
            "{mine} cannot be read as weights of mobilenet_1.00_32: Layer 'conv1' expected 1 "
            "variables, but received 2 variables during loading. Expected: ['kernel']",
        ),
        (
            {"backbone": "keras.applications.EfficientNetB0", "preprocess": "standardize"},
            32,
            "keras.applications.EfficientNetB0 preprocesses its images itself, and "
            "preprocess=standardize would do it twice. Use preprocess=own.",
        ),
        (
            {"backbone": "nin_imagenet", "preprocess": "center"},
            32,
            "nin_imagenet: images must be at least 39x39, got 32x32.",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    tmp_path, network, changes, size, message
):
    path = str(network[1])
    changes = {name: value.replace("{mine}", path) for name, value in changes.items()}
    with refused(message.replace("{mine}", path)):
        train(make_config(**changes), tmp_path / "run", source=make_source(size))
    assert not (tmp_path / "run").exists()
