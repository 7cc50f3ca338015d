"""A run that is calibrated, and an export that names no more than it promises."""

import json
import math
import sys

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import ArraySource, EncodedSource
from coarse2fine.data.views import CenterCrop
from coarse2fine.errors import InputError
from coarse2fine.evaluation import evaluate, predict
from coarse2fine.evaluation.backing_off import BackingOff
from coarse2fine.export import ExportedModel, export
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, load_run, train
from coarse2fine.training.plan import make_plan
from coarse2fine.training.run import plan_of

TAXONOMY = Taxonomy(("a", "b", "c", "d"), ("left", "right"), (0, 0, 1, 1))


def make_source(each, seed):
    """Images of 8x8 of which a bright corner tells the fine class, or one in five its sibling."""
    rng = np.random.default_rng(seed)
    fine = np.tile(np.arange(4), each)
    images = rng.integers(0, 130, (len(fine), 8, 8, 3)).astype(np.uint8)
    for image, label in zip(images, fine, strict=True):
        row, column = divmod(int(label) ^ (rng.random() < 0.2), 2)
        image[4 * column : 4 * column + 4, 4 * row : 4 * row + 4] += rng.integers(
            0, 100, dtype="u1"
        )
    return ArraySource(images, TAXONOMY, fine)


TRAINING, TEST = make_source(400, 0), make_source(250, 1)


def make_config(**changes):
    return Config(
        **{
            "backbone": "preact_resnet",
            "width": 0.1,
            "batch_size": 40,
            "steps": 100,
            "schedule": "cosine",
            "learning_rate": 0.1,
            "preprocess": "standardize",
            "validation_fraction": 0.5,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = make_config()
    return train(config, tmp_path_factory.mktemp("run") / "run", source=TRAINING)


@pytest.fixture(scope="module")
def report(run):
    return evaluate(run, source=TEST, training_source=TRAINING, error=0.1)


@pytest.fixture(scope="module")
def model(run, report, tmp_path_factory):
    output = tmp_path_factory.mktemp("export") / "model"
    export(run, output)
    return ExportedModel(output)


def test_the_report_says_what_is_named_and_how_much_of_that_wrongly(run, report):
    backing_off = BackingOff.load(run.workdir.calibration_file, views=1, step=100)
    predictions = predict(run.model, run.preprocess, TEST)
    threshold = backing_off.threshold(0.1)
    named = backing_off.name(predictions, threshold)
    is_wrong = named.is_wrong(predictions.fine, predictions.coarse)
    said = report["backing_off"]
    assert said["threshold"] == threshold
    assert said["fine"] == pytest.approx((named.level == 0).mean())
    assert said["coarse"] == pytest.approx((named.level == 1).mean())
    assert said["fine"] + said["coarse"] + said["nothing"] == pytest.approx(1)
    assert said["error_rate"] == pytest.approx(is_wrong.sum() / (named.level >= 0).sum())
    assert said["error_rate"] <= 0.1
    assert said["coarse"] > 0.3, "a case that shows something"
    assert report["calibration"]["fine"]["temperature"] == backing_off.temperatures["fine"]
    assert set(report["calibration"]) == {"fine", "coarse"}
    assert json.loads(run.workdir.report_file.read_text())["backing_off"] == said


@pytest.mark.parametrize("error", [0.02, 0.1, 0.3])
def test_the_export_names_what_the_evaluation_names(run, report, model, error):
    backing_off = BackingOff.load(run.workdir.calibration_file, views=1, step=100)
    images = TEST.images(tf.range(40, dtype=tf.int64)).numpy()
    named = backing_off.name(predict(run.model, run.preprocess, TEST), backing_off.threshold(error))
    names = {0: TAXONOMY.fine_names, 1: TAXONOMY.coarse_names}
    encoded = [tf.io.encode_png(image) for image in images]
    served = model._model.signatures["serve_backing_off"](
        images=tf.stack(encoded), error=tf.constant(error)
    )
    np.testing.assert_array_equal(served["level"], named.level[:40])
    np.testing.assert_array_equal(served["index"], named.label[:40])
    assert float(served["threshold"]) == pytest.approx(backing_off.threshold(error))
    for place in range(5):
        level = int(named.level[place])
        answer = model.name(encoded[place].numpy(), error)
        if level < 0:
            assert answer == {"level": None, "name": None, "probability": None}
            continue
        assert answer["level"] == ("fine", "coarse")[level]
        assert answer["name"] == names[level][named.label[place]]
        assert answer["probability"] == pytest.approx(float(served["probability"][place]))
        assert answer["probability"] >= backing_off.threshold(error)


def test_what_cannot_be_promised_is_named_by_nothing(model):
    served = model._model.signatures["serve_backing_off"](
        images=tf.io.encode_png(np.zeros((8, 8, 3), np.uint8))[None], error=tf.constant(1e-6)
    )
    assert math.isinf(float(served["threshold"]))
    assert (served["level"].numpy().tolist(), served["name"].numpy().tolist()) == ([-1], [b""])
    assert served["probability"].numpy().tolist() == [0.0]


def test_an_export_without_a_calibration_has_no_such_signature(tmp_path):
    run = train(make_config(steps=1, width=0.05), tmp_path / "run", source=TRAINING)
    export(run, tmp_path / "model")
    with pytest.raises(InputError) as error:
        ExportedModel(tmp_path / "model").name(b"", 0.1)
    assert str(error.value) == (
        "This model was exported without a calibration. Run launch/evaluate.py with --error on the "
        "run, then export it again."
    )
    with pytest.raises(InputError, match=r"^error is 1\.5, expected more than 0 and less than 1"):
        ExportedModel(tmp_path / "model").name(b"", 1.5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"validation_fraction": 0.0},
            "its validation_fraction is 0. Train with a larger one.",
        ),
        (
            {"refit": True, "schedule": "plateau"},
            "a refit trains on them too. The run in its folder search has some.",
        ),
    ],
)
def test_refuses_to_calibrate_without_validation_images(tmp_path, changes, reason):
    config = make_config(steps=1, width=0.05, **changes)
    run = train(config, tmp_path / "run", source=TRAINING)
    with pytest.raises(InputError) as error:
        evaluate(run, source=TEST, training_source=TRAINING, error=0.1)
    assert str(error.value) == (
        f"The run in {tmp_path / 'run'} has no validation images to calibrate on: {reason}"
    )
    assert not run.workdir.report_file.exists()


@pytest.mark.parametrize(
    ("changes", "folder", "checkpoint", "chose"),
    [
        ({}, "", "newest", []),
        ({"schedule": "plateau"}, "", "best", ["learning rates", "checkpoint"]),
        ({"schedule": "plateau", "refit": True}, "search", "newest", ["learning rates"]),
    ],
)
def test_what_validation_images_chose_is_said_wherever_they_calibrate(
    tmp_path, changes, folder, checkpoint, chose
):
    config = make_config(steps=1, width=0.05, **changes)
    train(config, tmp_path / "run", source=TRAINING)
    run = load_run(tmp_path / "run" / folder, checkpoint)
    report = evaluate(run, source=TEST, training_source=TRAINING, error=0.9)
    assert report["backing_off"]["validation_chose"] == chose
    assert report["backing_off"]["num_validation_images"] == 320, "of 400, four fifths"
    content = json.loads(run.workdir.calibration_file.read_text())
    assert (content["validation_chose"], content["num_validation_images"]) == (chose, 320)
    assert BackingOff.load(run.workdir.calibration_file, 1, 1).validation_chose == tuple(chose)
    lines = []
    export(run, tmp_path / "model", lines.append)
    named = " and the ".join(chose)
    sentence = f"serve_backing_off promises no error rate: validation images chose the {named}."
    assert lines == ([sentence] if chose else [])


def test_a_calibration_that_does_not_say_what_was_chosen_is_refused(run, report, tmp_path):
    content = json.loads(run.workdir.calibration_file.read_text())
    del content["validation_chose"]
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as error:
        BackingOff.load(path, views=1, step=100)
    assert str(error.value) == (
        f"{path} cannot be read: it lacks 'validation_chose'. It was not written by this version."
    )


def test_refuses_a_calibration_of_other_weights_or_views(run, report, tmp_path):
    path = run.workdir.calibration_file
    with pytest.raises(InputError) as error:
        BackingOff.load(path, views=2, step=100)
    assert str(error.value) == (
        f"{path} is of 1 views of each image and of the weights after 100 updates, expected 2 and "
        "100. Evaluate the run again with --views=2 --error, or remove the file."
    )
    content = json.loads(path.read_text())
    for damage in (
        {"temperatures": {}},
        {"temperatures": {"fine": "1"}},
        {"temperatures": {"middle": 1.0}},
        {"bounds": [0.5]},
        {"thresholds": "a"},
        {"bounds": [], "thresholds": []},
        {"bounds": [[0.5], [0.5, 0.1]], "thresholds": [0.1, 0.2]},
        {"bounds": [0.5, None], "thresholds": [0.1, 0.2]},
        {"temperatures": {"coarse": 1.0}},
        {"temperatures": {"fine": float("nan"), "coarse": 1.0}},
        {"validation_chose": "checkpoint"},
        {"validation_chose": [1]},
        {"num_validation_images": "320"},
    ):
        damaged = tmp_path / "calibration.json"
        damaged.write_text(json.dumps({**content, **damage}))
        with pytest.raises(InputError) as error:
            BackingOff.load(damaged, views=1, step=100)
        assert str(error.value) == f"{damaged} is damaged. Evaluate the run again with --error."


def test_the_run_is_calibrated_as_it_is_loaded_again(run, report):
    again = load_run(run.workdir.path)
    assert BackingOff.load(again.workdir.calibration_file, 1, again.step).bounds.min() < 1


def test_labels_that_are_noise_to_the_run_are_none_to_its_calibration(tmp_path):
    config = make_config(steps=1, width=0.05, fine_label_noise=1.0)
    run = train(config, tmp_path / "run", source=TRAINING)
    evaluate(run, source=TEST, training_source=TRAINING, error=0.9)
    validation = plan_of(run, TRAINING).partition.validation
    expected = BackingOff.fit(predict(run.model, run.preprocess, TRAINING, validation))
    found = BackingOff.load(run.workdir.calibration_file, views=1, step=1)
    assert found.temperatures == pytest.approx(expected.temperatures)
    np.testing.assert_allclose(found.bounds, expected.bounds)


class EncodedImages(EncodedSource):
    """The images of a source as PNG files, of which these cannot be decoded."""

    def __init__(self, source, bad=()):
        super().__init__(source.taxonomy, source.fine, source.ids, CenterCrop(8, 8))
        self.pixels, self.bad = np.concatenate([*source.chunks(np.arange(len(source)))]), bad

    def encoded(self, index):
        return b"" if index in self.bad else tf.io.encode_png(self.pixels[index]).numpy()


def test_validation_images_that_cannot_be_decoded_have_no_part_in_a_calibration(tmp_path):
    config = make_config(steps=1, width=0.05, skip_bad_images=True)
    validation = make_plan(TRAINING, config).partition.validation
    source = EncodedImages(TRAINING, bad={*validation[::10].tolist()})
    run = train(config, tmp_path / "run", source=source)
    evaluate(run, source=TEST, training_source=source, error=0.9)
    sound = np.delete(validation, np.s_[::10])
    expected = BackingOff.fit(predict(run.model, run.preprocess, TRAINING, sound))
    found = BackingOff.load(run.workdir.calibration_file, views=1, step=1)
    assert found.temperatures == pytest.approx(expected.temperatures)
    np.testing.assert_allclose(found.bounds, expected.bounds)


def test_a_report_without_a_calibration_leaves_none_behind(tmp_path):
    run = train(make_config(steps=1, width=0.05), tmp_path / "run", source=TRAINING)
    evaluate(run, source=TEST, training_source=TRAINING, error=0.9)
    assert run.workdir.calibration_file.exists()
    evaluate(run, source=TEST)
    assert not run.workdir.calibration_file.exists()


def test_what_cannot_be_calibrated_is_refused_before_test_images_are_scored(tmp_path, monkeypatch):
    config = make_config(steps=1, width=0.05, validation_fraction=0.0)
    run = train(config, tmp_path / "run", source=TRAINING)

    def score(*arguments, **named):
        raise AssertionError("images were scored")

    monkeypatch.setattr(sys.modules[evaluate.__module__], "predict", score)
    with pytest.raises(InputError, match="has no validation images to calibrate on"):
        evaluate(run, source=TEST, training_source=TRAINING, error=0.1)
