"""A time as a number of updates: how many it is, and which runs have it."""

import json
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import ArraySource
from coarse2fine.errors import InputError
from coarse2fine.experiments import Setting, compare, measure_granularity
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, budget, preprocessing, train
from coarse2fine.training.plan import make_plan
from coarse2fine.training.run import load_split

TAXONOMY = Taxonomy(("a", "b", "c", "d"), ("x", "y"), (0, 0, 1, 1))


def make_source(each=20):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(4 * each, 8, 8, 3)).astype(np.uint8)
    return ArraySource(images, TAXONOMY, np.repeat(np.arange(4), each))


def make_config(**changes):
    defaults = {
        "width": 0.05,
        "batch_size": 8,
        "budget": "2m",
        "schedule": "cosine",
        "preprocess": "standardize",
        "validation_fraction": 0.0,
    }
    return Config(**{**defaults, **changes})


@pytest.fixture
def said():
    return []


@pytest.fixture
def speed(monkeypatch):
    """Every plan has one image a second; the list holds those that were measured."""
    plans = []

    def measure(plan):
        plans.append(plan)
        return 1.0

    monkeypatch.setattr(budget, "images_per_second", measure)
    return plans


def test_is_as_many_updates_as_the_time_has_batches(speed, said):
    assert budget.find_steps(make_config(), make_source(), said.append) == 15
    assert said == ["budget 2m: 15 updates (1 images a second)"]
    assert speed[0].config.budget is None


def test_a_replay_has_half_of_it(speed, said):
    config = make_config(schedule="plateau", refit=True, validation_fraction=0.2, budget="0.1h")
    assert budget.find_steps(config, make_source(), said.append) == 360 // 2 // 8


@pytest.mark.parametrize(
    ("seconds", "validation", "refit", "images", "one_pass", "needed"),
    [
        (75, 0.1, False, "75", 76, 76),  # Of 40 fine-labelled images 4 are for validation.
        (143, 0.2, True, "72", 72, 144),
    ],
)
def test_that_is_too_short_for_a_pass_says_what_would_do(
    speed, said, seconds, validation, refit, images, one_pass, needed
):
    config = make_config(
        budget=f"{seconds}s", schedule="plateau", refit=refit, validation_fraction=validation
    )
    with pytest.raises(InputError) as error:
        budget.find_steps(config, make_source(), said.append)
    assert str(error.value) == (
        f"budget is {seconds}s, enough for {images} images at 1 a second, and one pass over the "
        f"training images is {one_pass}. Give at least {needed}s, or a number of steps."
    )
    assert budget.find_steps(config.replace(budget=f"{needed}s"), make_source(), said.append) == 9


def test_the_speed_is_that_of_updates(monkeypatch):
    monkeypatch.setattr(budget, "_SECONDS", 0.0)
    calls, fit = [], keras.Model.fit

    def slow_fit(model, batches, steps_per_epoch, **arguments):
        calls.append(steps_per_epoch)
        fit(model, batches, steps_per_epoch=steps_per_epoch, **arguments)
        time.sleep(0.5 * steps_per_epoch)

    monkeypatch.setattr(keras.Model, "fit", slow_fit)
    config = make_config(budget=None, steps=3, preprocess="gcn_zca", augment="crop_flip")
    rate = budget.images_per_second(make_plan(make_source(), config))
    assert 8 < rate < 16  # A batch of 8 takes .5 s and a little.
    assert calls == [4, 4, 4]


def test_a_run_has_the_steps_and_keeps_them(speed, said, tmp_path):
    run = train(make_config(), tmp_path, source=make_source(), say=said.append)
    saved = json.loads((tmp_path / "config.json").read_text())
    assert (saved["steps"], saved["budget"]) == (15, None)
    assert run.step == 15
    speed.clear()
    again = train(make_config(), tmp_path, source=make_source(), say=said.append)
    assert not speed
    assert said[1:] == [f"budget 2m: 15 updates (as in {tmp_path / 'budget.json'})"]
    for a, b in zip(run.model.variables, again.model.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_larger_budget_makes_a_run_go_on(speed, said, tmp_path):
    train(make_config(), tmp_path, source=make_source())
    for _ in range(2):
        run = train(make_config(budget="4m"), tmp_path, source=make_source(), say=said.append)
        assert run.step == 30
    assert said == [
        "budget 4m: 30 updates (1 images a second)",
        f"budget 4m: 30 updates (as in {tmp_path / 'budget.json'})",
    ]


def test_a_smaller_budget_is_refused_and_the_run_keeps_its_own(speed, said, tmp_path):
    train(make_config(budget="4m"), tmp_path, source=make_source())
    with pytest.raises(InputError, match="holds another run"):
        train(make_config(), tmp_path, source=make_source())
    assert train(make_config(budget="4m"), tmp_path, source=make_source()).step == 30
    assert len(speed) == 2


def test_images_that_cannot_be_decoded_are_skipped_where_they_may_be(monkeypatch, tmp_path):
    monkeypatch.setattr(budget, "_SECONDS", 0.0)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    sound = tf.io.encode_png(pixels).numpy()
    for name in ("a/b", "a/c", "d/e", "d/f"):
        folder = tmp_path / "images" / "train" / name
        folder.mkdir(parents=True)
        for number in range(8):
            (folder / f"{number}.png").write_bytes(sound)
        (folder / "0.png").write_bytes(sound[:-30])
    config = make_config(
        dataset="folder", data_dir=str(tmp_path / "images"), image_size=8, budget=None, steps=4
    )

    def measure(config):
        return budget.images_per_second(make_plan(load_split(config, "train"), config))

    with pytest.raises(InputError, match=r"Replace or remove it, or pass skip_bad_images\.$"):
        measure(config)
    assert measure(config.replace(skip_bad_images=True)) > 0


def test_whitening_is_timed_as_it_is_and_not_fitted(monkeypatch):
    monkeypatch.setattr(budget, "_SECONDS", 0.0)
    config = make_config(budget=None, steps=4, preprocess="gcn_zca")
    plan = make_plan(make_source(), config)
    monkeypatch.setattr(preprocessing, "fit_zca", lambda *_: pytest.fail("it was fitted"))
    layer = budget._preprocessing(plan)
    assert layer.matrix.shape == (192, 192)
    assert budget.images_per_second(plan) > 0


def test_measuring_changes_nothing_in_a_run(monkeypatch, said, tmp_path):
    monkeypatch.setattr(budget, "_SECONDS", 0.1)
    measure, rates = budget.images_per_second, []

    def one_a_second(plan):
        rates.append(measure(plan))
        return 1.0

    monkeypatch.setattr(budget, "images_per_second", one_a_second)
    one = train(make_config(), tmp_path / "one", source=make_source(), say=said.append)
    other = train(make_config(budget=None, steps=15), tmp_path / "two", source=make_source())
    assert rates[0] > 0
    for a, b in zip(one.model.variables, other.model.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_plan_needs_it_to_be_steps():
    with pytest.raises(InputError) as error:
        make_plan(make_source(), make_config())
    assert str(error.value) == (
        "budget is 2m, expected epochs or steps here: `train` makes a number of steps of it, and "
        "the config of the run that it returns has them."
    )


class TestExperiments:
    CONFIG = make_config(dataset="shapes/2x2", batch_size=400, budget="1h")

    def steps(self, folder):
        return [
            json.loads(path.read_text())["steps"] for path in sorted(folder.glob("*/config.json"))
        ]

    def test_arms_have_the_updates_of_coarse_to_fine_also_when_it_goes_on(
        self, speed, said, tmp_path
    ):
        for _ in range(2):
            compare(self.CONFIG, tmp_path, say=said.append)
        assert self.steps(tmp_path) == [9, 9, 9]
        assert [plan.config.labels for plan in speed] == ["mixed"]
        assert said == [
            "budget 1h: 9 updates (1 images a second)",
            f"budget 1h: 9 updates (as in {tmp_path / 'budget.json'})",
        ]

    def test_both_runs_of_a_pair_have_those_of_fine_labels(self, speed, tmp_path):
        measure_granularity(self.CONFIG, tmp_path)
        assert self.steps(tmp_path) == [9, 9]
        assert [plan.config.labels for plan in speed] == ["fine"]

    def test_several_settings_are_refused(self, tmp_path):
        with pytest.raises(InputError) as error:
            measure_granularity(
                self.CONFIG, tmp_path, [Setting("all"), Setting("few", {"data_fraction": 0.5})]
            )
        assert str(error.value) == (
            "budget is 1h, and these are 2 settings, whose updates differ in what they take. Give "
            "epochs or steps, or choose one setting."
        )

    def test_passes_are_not_matched_in_it(self, tmp_path):
        with pytest.raises(InputError, match=r"^match=epochs needs epochs; "):
            compare(self.CONFIG, tmp_path, match="epochs")
