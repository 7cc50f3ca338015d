"""Which evaluation of a run counts where the run is one of an experiment."""

import dataclasses
import shutil

import pytest

from coarse2fine.evaluation import evaluate
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.experiments import draw_class_maps, draw_guesses, run_pictures
from coarse2fine.experiments.evaluated import evaluated
from coarse2fine.reproduction.job import Job
from coarse2fine.training import Config, load_run, load_split, train

# The rate at the end undoes what was learned before.
CONFIG = Config(
    dataset="shapes/2x3",
    width=0.05,
    validation_fraction=0.3,
    batch_size=100,
    steps=24,
    schedule="milestones",
    milestones=((0.7, 1e3),),
    learning_rate=0.005,
    preprocess="standardize",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(CONFIG, tmp_path_factory.mktemp("evaluated"))


def test_that_of_the_best_checkpoint_is_made_again_of_the_newest(run):
    home, job = run.workdir.path, Job(CONFIG, 720)
    evaluate(load_run(home, "best"))
    assert EvaluatedRun.load(home).checkpoint == "best"
    assert not job.is_finished(home)
    found = evaluated(run, load_split(CONFIG, "test"))
    assert found.checkpoint == "newest"
    assert job.is_finished(home)
    assert not dataclasses.replace(job, views=2).is_finished(home)


def test_pictures_are_of_the_weights_that_were_evaluated(run, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="the extra figures is not installed")
    evaluate(load_run(run.workdir.path, "best"))
    shutil.copytree(run.workdir.path, tmp_path / "best")
    shutil.copytree(run.workdir.path, tmp_path / "newest")
    evaluate(tmp_path / "newest")
    loaded = []

    def load(path, checkpoint):
        loaded.append((path.name, checkpoint))
        return load_run(path, checkpoint)

    monkeypatch.setattr(run_pictures, "load_run", load)
    draw_class_maps(tmp_path / "best", 3)
    draw_guesses(tmp_path / "newest", tmp_path / "best", 4)
    assert loaded == [("best", "best"), ("newest", "newest"), ("best", "best")]
