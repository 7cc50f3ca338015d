"""The projector's files, read by TensorBoard's own plugin."""

import json
import urllib.parse

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
from werkzeug.test import Client

from coarse2fine.errors import InputError
from coarse2fine.evaluation import write_projector
from coarse2fine.taxonomy import Taxonomy

PETS = Taxonomy(("siamese", "persian\tcat", "beagle\n"), ("cat", "dog"), (0, 0, 1))
FINE = np.array([0, 1, 2, -1, 2])
COARSE = np.array([0, 0, 1, 0, 1])


class Projector:
    """TensorBoard's projector over a folder of runs."""

    def __init__(self, logdir):
        multiplexer = EventMultiplexer().AddRunsFromDirectory(str(logdir))
        multiplexer.Reload()
        provider = MultiplexerDataProvider(multiplexer, str(logdir))
        self._apps = ProjectorPlugin(
            TBContext(data_provider=provider, logdir=str(logdir))
        ).get_plugin_apps()

    def get(self, route, **query):
        response = Client(self._apps[route]).get("?" + urllib.parse.urlencode(query))
        assert response.status_code == 200, response.text
        return response.data

    def embedding(self, run):
        """What the config says of a run's features, as the browser gets it."""
        (embedding,) = json.loads(self.get("/info", run=run))["embeddings"]
        return embedding

    def images(self, run):
        """The images of the sprite, cut as the browser cuts it: row by row."""
        width, height = self.embedding(run)["sprite"]["singleImageDim"]
        sprite = tf.io.decode_png(self.get("/sprite_image", run=run, name="features")).numpy()
        assert max(sprite.shape[:2]) <= 8192
        rows = sprite.reshape(-1, height, sprite.shape[1] // width, width, sprite.shape[-1])
        return rows.swapaxes(1, 2).reshape(-1, height, width, sprite.shape[-1])


def make_images(n, *shape):
    return np.random.default_rng(0).integers(0, 256, (n, *shape)).astype(np.uint8)


@pytest.fixture
def given():
    random = np.random.default_rng(1)
    return {
        "features": random.normal(size=(5, 7)).astype(np.float32),
        "images": make_images(5, 12, 16, 3),
        "taxonomy": PETS,
        "fine": FINE,
        "coarse": COARSE,
    }


def test_tensorboard_shows_what_was_given(tmp_path, given):
    write_projector(tmp_path / "run" / "projector", **given)
    projector = Projector(tmp_path)
    assert json.loads(projector.get("/runs")) == ["run/projector"]
    run = "run/projector"
    tensor = np.frombuffer(projector.get("/tensor", run=run, name="features"), np.float32)
    np.testing.assert_array_equal(tensor.reshape(5, 7), given["features"])
    assert projector.embedding(run)["tensorShape"] == [5, 7]
    lines = projector.get("/metadata", run=run, name="features").decode().splitlines()
    assert [line.split("\t") for line in lines] == [
        ["fine", "coarse"],
        ["siamese", "cat"],
        ["persian cat", "cat"],
        ["beagle ", "dog"],
        ["(none)", "cat"],
        ["beagle ", "dog"],
    ]
    np.testing.assert_array_equal(projector.images(run)[:5], given["images"])


def test_the_folder_itself_may_be_tensorboards(tmp_path, given):
    write_projector(tmp_path, **given)
    assert json.loads(Projector(tmp_path).get("/runs")) == ["."]


def test_what_was_there_is_replaced(tmp_path, given):
    write_projector(tmp_path / "run", **given)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    write_projector(tmp_path / "run", **{**given, "features": given["features"][:, :2]})
    assert {path.name for path in (tmp_path / "run").iterdir()} == names
    assert Projector(tmp_path).embedding("run")["tensorShape"] == [5, 2]


def test_files_of_two_calls_are_never_shown_together(tmp_path, given):
    write_projector(tmp_path / "run", **given)
    (tmp_path / "run" / "sprite.png").unlink()
    (tmp_path / "run" / "sprite.png").mkdir()
    with pytest.raises(InputError) as error:
        write_projector(tmp_path / "run", **given)
    assert str(error.value) == f"{tmp_path / 'run/sprite.png'} cannot be written: Is a directory."
    assert json.loads(Projector(tmp_path).get("/runs")) == []


def test_features_that_look_like_text_are_read_as_numbers(tmp_path, given):
    # As bytes they are all zero, which is text.
    write_projector(tmp_path, **{**given, "features": np.zeros((5, 7), np.float32)})
    tensor = Projector(tmp_path).get("/tensor", run=".", name="features")
    np.testing.assert_array_equal(np.frombuffer(tensor, np.float32), np.zeros(35))


def test_images_may_come_in_pieces(tmp_path, given):
    images = given["images"]
    write_projector(tmp_path, **{**given, "images": iter([images[:2], images[2:4], images[4:]])})
    np.testing.assert_array_equal(Projector(tmp_path).images(".")[:5], images)


def test_grey_images_stay_grey(tmp_path, given):
    images = make_images(5, 8, 8, 1)
    write_projector(tmp_path, **{**given, "images": images})
    np.testing.assert_array_equal(Projector(tmp_path).images(".")[:5], images)


def test_large_images_are_shrunk_to_fit_and_keep_their_shape(tmp_path, given):
    # Three to a row: 8192 / 3 = 2730 pixels each. Every image is of one colour.
    images = np.broadcast_to(make_images(5, 1, 1, 1), (5, 1500, 3000, 1)).copy()
    write_projector(tmp_path, **{**given, "images": images})
    found = Projector(tmp_path).images(".")
    assert found.shape[1:] == (1365, 2730, 1)
    np.testing.assert_array_equal(found[:5, ::100, ::100], images[:, :1400:100, :2800:100])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"features": np.zeros((0, 7))},
            "features has shape (0, 7), expected (n, channels) with n from 1 to 100000: "
            "TensorBoard shows no more. Pass fewer.",
        ),
        (
            {"features": np.zeros((100_001, 1))},
            "features has shape (100001, 1), expected (n, channels) with n from 1 to 100000: "
            "TensorBoard shows no more. Pass fewer.",
        ),
        ({"fine": FINE[:4]}, "fine has shape (4,), expected (5,): one label a feature."),
        ({"fine": FINE + 1}, "fine labels 0 to 3 are given, expected -1 (none) to 2."),
        ({"coarse": COARSE - 2}, "coarse labels -2 to -1 are given, expected -1 (none) to 1."),
        (
            {"images": np.zeros((5, 8, 8))},
            "images has shape (5, 8, 8) and dtype float64, expected (n, height, width, channels) "
            "uint8.",
        ),
        ({"images": make_images(4, 8, 8, 3)}, "4 images, expected as many as features: 5."),
        ({"images": make_images(6, 8, 8, 3)}, "6 images, expected as many as features: 5."),
        ({"images": []}, "0 images, expected as many as features: 5."),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path, given, changes, message):
    with pytest.raises(InputError) as error:
        write_projector(tmp_path / "run", **{**given, **changes})
    assert str(error.value) == message
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, given):
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as error:
        write_projector(tmp_path / "file", **given)
    assert str(error.value) == f"{tmp_path / 'file'} cannot be written: File exists."
