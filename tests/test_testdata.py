"""The fixtures are what their script makes, and what the library reads."""

import importlib.util
import pathlib

import numpy as np
import tensorflow as tf

from coarse2fine.data import shapes
from coarse2fine.taxonomy import read_taxonomy

FOLDER = pathlib.Path(__file__).parents[1] / "testdata"


def test_the_script_makes_the_fixtures_again(tmp_path):
    spec = importlib.util.spec_from_file_location("make_testdata", FOLDER / "make_testdata.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.make(tmp_path)
    kept = {
        path.name for path in FOLDER.iterdir() if path.suffix in (".jpg", ".png", ".json", ".csv")
    }
    assert kept == {path.name for path in tmp_path.iterdir()}
    for name in kept - {"colour.jpg", "truncated.jpg"}:  # JPEG encoders differ between versions.
        assert (FOLDER / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_both_forms_of_the_taxonomy_are_one():
    assert read_taxonomy(FOLDER / "shapes_2x2.json") == read_taxonomy(FOLDER / "shapes_2x2.csv")


def test_the_png_is_the_drawing_and_the_jpeg_is_close_to_it():
    images = shapes.draw([0, 2], [0, 2], seed=0, num_fine_each=2)
    png = tf.io.decode_image((FOLDER / "colour.png").read_bytes()).numpy()
    jpeg = tf.io.decode_image((FOLDER / "colour.jpg").read_bytes()).numpy()
    np.testing.assert_array_equal(png, images[0])
    assert np.abs(jpeg.astype(int) - images[1]).mean() < 12
