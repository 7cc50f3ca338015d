"""The papers' experiments as data: every one has its runs at every scale, as its source says."""

import pathlib
import runpy

import pytest
from absl import flags

from coarse2fine.data.load import load_source
from coarse2fine.errors import InputError
from coarse2fine.experiments import ARMS, lei2017
from coarse2fine.experiments.chen2018 import SETTINGS
from coarse2fine.experiments.evaluated import cost_of_run
from coarse2fine.reproduction import EXPERIMENTS, SCALES, Asked
from coarse2fine.reproduction.comparisons import arm_job
from coarse2fine.reproduction.descriptions import taxonomy_of
from coarse2fine.reproduction.job import Job
from coarse2fine.reproduction.pairs import labels_job
from coarse2fine.reproduction.recipe import Recipe
from coarse2fine.reproduction.reproduce import find_experiments
from coarse2fine.training import Config, train
from coarse2fine.training.plan import make_plan

PRESETS = pathlib.Path(__file__).parents[2] / "launch" / "presets"


def test_every_table_and_figure_of_both_papers_is_there():
    lei = [*(f"table{n}" for n in range(1, 6)), *(f"figure{n}" for n in range(5, 8))]
    chen = [*(f"table{n}" for n in range(1, 9)), *(f"figure{n}" for n in range(2, 8))]
    names = [*(f"lei2017_{name}" for name in lei), *(f"chen2018_{name}" for name in chen)]
    assert list(EXPERIMENTS) == names


@pytest.mark.parametrize("scale", SCALES)
def test_equal_runs_have_one_name_and_others_have_others(scale):
    asked = Asked(scale, seeds=(0, 3))
    jobs = [job for e in EXPERIMENTS.values() for job in e.jobs(asked).values()]
    configs = {}
    for job in jobs:
        assert configs.setdefault(job.name, job) == job
    assert len({job.config for job in jobs}) == len(configs)
    assert {job.config.seed for job in jobs} == {0, 3}


@pytest.mark.parametrize("scale", SCALES)
def test_a_run_is_shared_by_the_experiments_that_need_it(scale):
    def names(experiment):
        return {job.name for job in EXPERIMENTS[experiment].jobs(Asked(scale)).values()}

    assert names("lei2017_figure6") < names("lei2017_table1")
    assert names("lei2017_table3") == names("lei2017_table2")
    assert names("lei2017_figure7") < names("lei2017_table2")
    assert names("chen2018_figure3") == names("chen2018_table1")
    assert names("chen2018_figure5") < names("chen2018_figure4") < names("chen2018_table1")
    assert names("chen2018_figure7") == names("chen2018_table6") | names("chen2018_table7")
    assert names("chen2018_figure6") == names("chen2018_table1") | names("chen2018_table8")


def test_smoke_needs_no_data_set():
    for experiment in EXPERIMENTS.values():
        for job in experiment.jobs(Asked("smoke")).values():
            assert job.config.dataset.startswith("shapes")
            assert job.config.taxonomy is None


@pytest.fixture
def preset(launcher_flags):
    """Gives the config of a preset."""
    read = runpy.run_path(str(PRESETS.parent / "config_flags.py"))["define_config"]()

    def call(name):
        flags.FLAGS(["launcher", f"--flagfile={PRESETS / name}.flags"])
        return read()

    return call


@pytest.mark.parametrize("backbone", ["nin", "alexnet"])
def test_lei_2017_at_paper_scale_is_what_its_presets_hold(preset, backbone):
    (setting,) = lei2017.select_settings(["table1"], [backbone])
    job = arm_job(setting, "coarse_to_fine", "paper", seed=0)
    assert job.config == preset(f"lei2017_table1_{backbone}")
    (setting,) = lei2017.select_settings(["table2"], [f"{backbone}_imagenet/0.5+0.5"])
    job = arm_job(setting, "coarse_to_fine", "paper", seed=0)
    shares = {"fine_fraction": 0.5, "coarse_fraction": 0.5}
    assert job.config == preset(f"lei2017_imagenet_{backbone}").replace(**shares)
    assert job.views == 10


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("cifar10", "chen2018_cifar10"),
        ("cifar100", "chen2018_cifar100"),
        ("imagenet_dog_cat", "chen2018_imagenet"),
        ("imagenet_fruit_vegetable", "chen2018_imagenet"),
    ],
)
@pytest.mark.parametrize("labels", ["fine", "coarse"])
def test_chen_2018_at_paper_scale_is_what_its_presets_hold(preset, task, name, labels):
    setting = next(setting for setting in SETTINGS["table1"] if setting.name == task)
    config = labels_job(setting, labels, "paper", seed=0).config
    given = preset(name).replace(labels=labels, taxonomy=task)
    assert not config.differing(given)
    assert config.track_training_accuracy
    assert config.track_test_accuracy
    assert config.tracked_share == 1


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("validation_fraction", [0.0, 0.1])
def test_images_seen_are_those_of_the_plan(arm, validation_fraction):
    config = Config(
        dataset="shapes/3x2",
        labels=ARMS[arm],
        fine_fraction=0.5,
        coarse_fraction=0.25,
        schedule="cosine",
        batch_size=10,
        epochs=3,
        validation_fraction=validation_fraction,
    )
    source = load_source("shapes/3x2", "train")
    seen = 10 * make_plan(source, config).steps
    assert Job(config, len(source)).images_seen == pytest.approx(seen, abs=3 * 10)
    assert Job(config.replace(epochs=None, steps=7), len(source)).images_seen == 70


def test_images_seen_by_a_refit_are_those_that_its_run_saw(tmp_path):
    config = Config(
        dataset="shapes/2x2",
        width=0.05,
        labels="fine",
        fine_fraction=0.5,
        coarse_fraction=0.0,
        schedule="plateau",
        preprocess="standardize",
        batch_size=20,
        epochs=1,
        validation_fraction=0.25,
        refit=True,
    )
    run = train(config, tmp_path / "run")
    assert Job(config, 800).images_seen == cost_of_run(run.workdir)["images_seen"] == 600


def test_a_taxonomy_has_as_many_classes_as_the_data():
    nin_imagenet = EXPERIMENTS["lei2017_table2"].configs(Asked("paper"))[0]
    taxonomy = taxonomy_of(nin_imagenet)
    assert (taxonomy.num_fine, len(taxonomy.coarse_names)) == (387, 143)
    for name, counts in (("chen2018_table8", (25, 5)), ("chen2018_table6", (10, 2))):
        taxonomy = taxonomy_of(EXPERIMENTS[name].configs(Asked("paper"))[0])
        assert (taxonomy.num_fine, len(taxonomy.coarse_names)) == counts
    taxonomy = taxonomy_of(EXPERIMENTS["chen2018_table8"].configs(Asked("smoke"))[0])
    assert taxonomy == load_source("shapes/2x2", "train").taxonomy


def test_images_of_a_built_in_set_are_counted():
    recipe = Recipe(10**6, {}, {}, {"dataset": "shapes/3x2"})
    assert recipe.images_at("smoke") == len(load_source("shapes/3x2", "train"))
    assert recipe.images_at("quick") == 10**6


def test_unknown_experiments_are_refused_with_the_known():
    known = ", ".join(EXPERIMENTS)
    with pytest.raises(InputError) as error:
        find_experiments(["lei2017_table9"])
    assert str(error.value) == f"Unknown experiment 'lei2017_table9'. Known: all, {known}."
    with pytest.raises(InputError) as error:
        find_experiments([])
    assert str(error.value) == f"No experiment is named. Known: all, {known}."
    assert find_experiments(["all"]) == [*EXPERIMENTS.values()]
    chosen = find_experiments(["chen2018_table1", "lei2017_table1"])
    assert [experiment.name for experiment in chosen] == ["lei2017_table1", "chen2018_table1"]
