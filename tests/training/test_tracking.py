"""Accuracies that are tracked: of which images, of which state, and without any effect."""

import json

import numpy as np
import pytest
from test_run import make_config, make_source, weights_of

from coarse2fine.evaluation import evaluate
from coarse2fine.training import train
from coarse2fine.training.plan import make_plan
from coarse2fine.training.strategy import make_strategy
from coarse2fine.training.tracking import tracked_sets
from coarse2fine.training.workers import Workers

ONE = Workers(make_strategy("single"))
EVERYTHING = {"fine_fraction": 1.0, "coarse_fraction": 0.0, "validation_fraction": 0.0}


def tracked_images(config, source):
    """The labels and weights of the tracked training images."""
    plan = make_plan(source, config)
    batches = tracked_sets(plan, None, lambda images: images, ONE)["training_set"].batches
    parts = [(labels["fine"], labels["coarse"], weights) for _, labels, weights in batches]
    fine, coarse = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    has_fine = np.concatenate([part[2]["fine"] for part in parts])
    is_image = np.concatenate([part[2]["coarse"] for part in parts]).astype(bool)
    return fine[is_image], coarse[is_image], has_fine[is_image]


@pytest.mark.parametrize(("share", "count"), [(0.1, 7), (0.5, 36), (1.0, 72)])
def test_the_share_is_of_the_images_trained_on(share, count):
    config = make_config(track_training_accuracy=True, tracked_share=share)
    assert len(tracked_images(config, make_source())[1]) == count


def test_an_image_without_a_usable_fine_label_counts_for_its_coarse_one_alone():
    config = make_config(track_training_accuracy=True, tracked_share=1.0)
    _, _, has_fine = tracked_images(config, make_source())
    assert has_fine.sum() == 32, "S_fine without validation; S_coarse is 40 images more"


def test_validation_alone_is_tracked_unless_more_is_asked_for():
    plan = make_plan(make_source(), make_config())
    assert [*tracked_sets(plan, make_source(), lambda images: images, ONE)] == ["val"]
    plan = make_plan(make_source(), make_config(validation_fraction=0.0))
    assert tracked_sets(plan, make_source(), lambda images: images, ONE) == {}


@pytest.mark.parametrize("labels", ["fine", "coarse"])
def test_the_last_epoch_has_the_accuracies_of_an_evaluation(tmp_path, labels):
    config = make_config(
        **EVERYTHING,
        labels=labels,
        augment="crop_flip",
        track_training_accuracy=True,
        tracked_share=1.0,
        track_test_accuracy=True,
    )
    training, test = make_source(), make_source(seed=9)
    run = train(config, tmp_path, source=training, test_source=test)
    report = evaluate(run, source=test, training=True, training_source=training)
    last = run.workdir.read_metrics()[-1]
    keys = ["coarse_top1"] if labels == "coarse" else ["fine_top1", "coarse_top1_from_fine"]
    for key in keys:
        assert last[f"test_{key}"] == pytest.approx(report[key])
        assert last[f"training_set_{key}"] == pytest.approx(report["training"][key])
    assert report["training"]["num_images"] == len(training)


def test_tracking_changes_neither_weights_nor_other_metrics(tmp_path):
    tracked = {"track_training_accuracy": True, "track_test_accuracy": True}
    source = make_source()
    plain = train(make_config(), tmp_path / "plain", source=source)
    watched = train(
        make_config(**tracked), tmp_path / "watched", source=source, test_source=make_source()
    )
    for a, b in zip(weights_of(plain), weights_of(watched), strict=True):
        np.testing.assert_array_equal(a, b)
    for one, other in zip(
        plain.workdir.read_metrics(), watched.workdir.read_metrics(), strict=True
    ):
        assert {name: other[name] for name in one if name != "seconds"} == {
            name: value for name, value in one.items() if name != "seconds"
        }


def test_tensorboard_shows_each_set_as_a_run_of_its_own(tmp_path):
    config = make_config(track_training_accuracy=True, track_test_accuracy=True, epochs=1)
    train(config, tmp_path, source=make_source(), test_source=make_source())
    folders = {path.name for path in (tmp_path / "events").iterdir()}
    assert folders == {"train", "validation", "training_set", "test"}
    names = json.loads((tmp_path / "metrics.jsonl").read_text()).keys()
    assert {"training_set_fine_top1", "test_fine_top1", "val_fine_top1", "fine_top1"} <= names


def test_a_refit_is_evaluated_on_all_the_images_that_it_was_trained_on(tmp_path):
    config = make_config(schedule="plateau", refit=True, epochs=1)
    source = make_source()
    run = train(config, tmp_path, source=source)
    report = evaluate(run, source=source, training=True, training_source=source)
    assert report["training"]["num_images"] == 80
