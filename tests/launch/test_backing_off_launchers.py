"""Calibration from flags to files, and the page: evaluate, export, predict and report."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.training import Config, train


@pytest.fixture
def run(tmp_path):
    config = Config(
        dataset="shapes/2x2",
        width=0.05,
        steps=2,
        batch_size=64,
        preprocess="standardize",
        validation_fraction=0.2,
    )
    train(config, tmp_path / "run")
    return tmp_path / "run"


def test_a_calibrated_run_is_exported_and_names_images(launch, run, tmp_path):
    code, out, err = launch("evaluate", workdir=run, error=0.9)
    assert code is None
    report = json.loads(out)
    assert err.startswith("No error rate is promised: validation images chose the learning rates. ")
    assert report["backing_off"]["error"] == 0.9
    assert report["backing_off"]["nothing"] < 1
    model = tmp_path / "model"
    code, out, _ = launch("export", workdir=run, output=model)
    assert (code, out) == (
        None,
        "serve_backing_off promises no error rate: validation images chose the learning rates.\n"
        f"Exported to {model}\n",
    )
    image = tmp_path / "image.png"
    image.write_bytes(tf.io.encode_png(np.zeros((32, 32, 3), np.uint8)).numpy())

    code, out, err = launch("predict", image, model=model, error=0.9)
    assert (code, err) == (None, "")
    named = rf"{re.escape(str(image))}\n +[0-9.]+% \w+( \w+)? \((fine|coarse)\)\n"
    assert re.fullmatch(named, out)
    code, out, _ = launch("predict", "--json", image, model=model, error=0.9)
    answer = json.loads(out)
    assert answer["path"] == str(image)
    assert answer["level"] in ("fine", "coarse")
    code, out, _ = launch("predict", image, model=model, error=1e-6)
    assert out == f"{image}\n  not sure enough\n"

    code, out, err = launch("report", workdir=run)
    assert (code, out, err) == (None, f"Wrote {run / 'report.html'}\n", "")
    page = (run / "report.html").read_text()
    assert "When to trust it" in page
    assert "No error rate is promised: validation images chose the learning rates. " in page

    code, out, err = launch("evaluate", workdir=run, error=1e-4)
    assert code is None
    assert json.loads(out)["backing_off"]["threshold"] is None
    said = (
        r"Nothing is named: with \d+ validation images no error rate below [\d.]+ % can be promised"
    )
    assert re.match(said, err)


def test_bad_error_rates_and_models_without_a_calibration_are_one_message(launch, run, tmp_path):
    bad = "Error: error is 2.0, expected more than 0 and less than 1.\n"
    assert launch("evaluate", workdir=run, error=2) == (2, "", bad)
    assert not (run / "report.json").exists()
    model = tmp_path / "model"
    assert launch("export", workdir=run, output=model)[0] is None
    code, out, err = launch("predict", tmp_path / "image.png", model=model, error=0.1)
    assert (code, out) == (2, "")
    assert err.startswith("Error: This model was exported without a calibration. Run")
    assert err.count("\n") == 1


def test_a_page_of_no_run_is_refused(launch, tmp_path):
    message = f"Error: {tmp_path} holds no run, and no folder in it does.\n"
    assert launch("report", workdir=tmp_path) == (2, "", message)
