"""The largest batch that fits: the search, what is measured, and which runs take its number."""

import json
import math
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import ArraySource
from coarse2fine.errors import InputError
from coarse2fine.experiments import Setting, compare, measure_granularity
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, batch_size, train
from coarse2fine.training.batch_size import find_batch_size, largest_batch
from coarse2fine.training.trial import Memory, Network, make_trial, measure_memory, measured_line

TAXONOMY = Taxonomy(("a", "b", "c", "d"), ("x", "y"), (0, 0, 1, 1))


def make_source(each=20, size=8):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(4 * each, size, size, 3)).astype(np.uint8)
    return ArraySource(images, TAXONOMY, np.repeat(np.arange(4), each))


def make_config(**changes):
    defaults = {
        "width": 0.05,
        "batch_size": "auto",
        "steps": 1,
        "schedule": "cosine",
        "preprocess": "standardize",
        "validation_fraction": 0.0,
    }
    return Config(**{**defaults, **changes})


def weights_of(run):
    return [variable.numpy() for variable in run.model.variables]


@pytest.fixture
def said():
    return []


@pytest.fixture
def measured(monkeypatch):
    """Gives a CPU 20,000 bytes, of which half are used, and every network 1,000 and 100 an image.

    So (10,000 - 1,000) / 100 = 90 images fit, and with a tenth left off 81. The list holds the
    networks that were measured.
    """
    networks = []

    def measure(network, step, cap, budget):
        networks.append(network)
        assert budget == 10_000
        return Memory(fixed=1_000, per_image=100)

    monkeypatch.setattr(batch_size, "available_memory", lambda: 20_000)
    monkeypatch.setattr(batch_size, "measure_memory", measure)
    return networks


@pytest.fixture
def gpu(monkeypatch):
    """Pretends to have a GPU that runs out of memory above 50 images; the list holds all tries."""
    tried = []

    def make(network):
        train_on = make_trial(network)

        def trial(size):
            tried.append(size)
            train_on(min(size, 4))
            if size > 50:
                raise tf.errors.ResourceExhaustedError(None, None, f"no memory for {size}")

        return trial

    listed = tf.config.list_logical_devices
    monkeypatch.setattr(
        tf.config,
        "list_logical_devices",
        lambda kind=None: ["GPU:0"] if kind == "GPU" else listed(kind),
    )
    monkeypatch.setattr(batch_size, "make_trial", make)
    return tried


class TestLargestBatch:
    @pytest.mark.parametrize("seed", range(200))
    def test_is_the_largest_multiple_that_fits_after_logarithmically_many_tries(self, seed):
        rng = np.random.default_rng(seed)
        step = int(rng.integers(1, 20))
        cap = step + int(rng.integers(0, 10 ** rng.integers(1, 6)))
        limit = step + int(rng.integers(0, 10 ** rng.integers(1, 6)))
        tried = []

        def fits(size):
            tried.append(size)
            return size <= limit

        found = largest_batch(fits, step, cap)
        assert found == max(size for size in range(step, cap + 1, step) if size <= limit)
        assert max(tried) <= cap
        assert len(set(tried)) == len(tried)
        assert len(tried) <= 2 * math.log2(cap / step) + 2

    def test_never_tries_much_more_than_twice_what_fits(self):
        tried = []
        largest_batch(lambda size: tried.append(size) or size <= 100, step=3, cap=10**9)
        assert max(tried) <= 200

    def test_refuses_where_the_smallest_does_not_fit(self):
        message = (
            "Even a batch of 6 does not fit the memory. Use smaller images or a smaller network, "
            "or precision=mixed_bfloat16."
        )
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            largest_batch(lambda size: False, step=6, cap=100)


class TestMeasuredLine:
    @staticmethod
    def line(memory, step, cap, budget):
        sizes, peaks = [], [0.0]

        def trial(size):
            sizes.append(size)
            peaks.append(max(peaks[-1], memory(size)))

        return measured_line(trial, lambda: peaks[-1], step, cap, budget), sizes

    def test_is_that_of_a_memory_that_is_one(self):
        (fixed, per_image), _ = self.line(lambda size: 700 + 3 * size, 2, 10**6, 10**4)
        assert (fixed, per_image) == (pytest.approx(700), pytest.approx(3))

    @pytest.mark.parametrize("step", [1, 7, 100])
    def test_takes_no_more_than_a_tenth_of_the_budget_beyond_the_smallest_batch(self, step):
        budget = 10**5
        _, sizes = self.line(lambda size: 700 + 3 * size, step, 10**6, budget)
        assert 3 * (sizes[-1] - step) <= budget / 10
        assert 3 * (sizes[-1] - step) > budget / 32

    def test_stops_at_the_cap_and_at_a_batch_that_takes_too_much(self):
        assert self.line(lambda size: 3 * size, 2, 20, 10**9)[1] == [2, 4, 8, 16]
        assert self.line(lambda size: 10**9 + size, 2, 20, 10**6) == ((0.0, 10**9 / 2 + 1), [2])

    def test_begins_no_lower_than_nothing(self):
        assert self.line(lambda size: size**2, 1, 4, 10**9)[0] == (0.0, 6.0)


class TestMeasureMemory:
    def test_of_a_users_network_with_a_layer_of_their_own_module(self, tmp_path, monkeypatch):
        # Per image of 64x64: two maps of 16 float32 channels, and as much for their gradients.
        module = tmp_path / "layer_of_mine.py"
        module.write_text(
            "import keras\n"
            "@keras.saving.register_keras_serializable('mine')\n"
            "class Twice(keras.layers.Layer):\n"
            "    def call(self, x):\n"
            "        return 2 * x\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        import layer_of_mine

        images = keras.Input((64, 64, 3))
        x = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(images)
        x = layer_of_mine.Twice()(x)
        keras.Model(images, x).save(tmp_path / "mine.keras")
        config = make_config(backbone=str(tmp_path / "mine.keras"), preprocess="own", width=1.0)
        network = Network(config, TAXONOMY, (64, 64, 3))
        memory = measure_memory(network, step=32, cap=128, budget=2**40)
        maps = 64 * 64 * 16 * 4
        assert 2 * maps < memory.per_image < 12 * maps
        assert 0 <= memory.fixed < 2**30


class TestFindBatchSize:
    def test_on_a_cpu_is_what_half_of_the_memory_takes_less_a_tenth(self, measured, said):
        source = make_source(each=100)
        assert find_batch_size([(make_config(), source)], said.append) == 80
        assert said == [
            "batch_size auto: 80 (90 % of what 50 % of the 1.86e-05 GiB available takes, with "
            "9.54e-05 MiB an image and 0 MiB besides)"
        ]

    def test_is_at_most_the_training_images(self, measured, said):
        config = make_config(labels="oracle", validation_fraction=0.2)
        # Of each class 5 images are in S_fine, and one of these is for validation.
        assert find_batch_size([(config, make_source(each=10))], said.append) == 36
        assert said == ["batch_size auto: 36 (of 36 training images)"]

    def test_is_a_multiple_of_the_replicas_that_holds_both_kinds_of_images(self, measured, said):
        config = make_config(fine_fraction=0.1, coarse_fraction=0.9, strategy="mirrored")
        found = find_batch_size([(config, make_source(each=100))], said.append)
        # A batch of 10 holds both kinds, and two replicas divide it.
        assert found == 80
        config = make_config(fine_fraction=0.05, coarse_fraction=0.35)
        found = find_batch_size([(config, make_source(each=100))], said.append)
        assert found == 80, "the largest multiple of 8 up to 81"

    def test_of_several_runs_fits_all_and_measures_each_network_once(self, measured, said):
        source = make_source(each=100)
        runs = [
            (make_config(labels=labels, learning_rate=rate), source)
            for labels in ("mixed", "fine", "coarse")
            for rate in (0.1, 0.2)
        ]
        assert find_batch_size(runs, said.append) == 80
        assert [network.config.labels for network in measured] == ["mixed", "coarse"]
        small = make_config(labels="fine", data_fraction=0.1)
        assert find_batch_size([*runs, (small, source)], said.append) == 20

    def test_refuses_what_cannot_be_measured_in_one_message(self, monkeypatch, said):
        def fail(*arguments):
            raise RuntimeError("x.y failed in its process:\nTraceback\nValueError: no such layer.")

        monkeypatch.setattr(batch_size, "measure_memory", fail)
        message = (
            "batch_size=auto measures memory in a process of its own, and that failed: "
            "ValueError: no such layer. Give batch_size as a number."
        )
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            find_batch_size([(make_config(), make_source())], said.append)
        assert not said

    def test_refuses_an_unknown_backbone_before_it_measures(self, measured, said):
        with pytest.raises(InputError, match=r"^Unknown backbone 'resnext'\. Known: "):
            find_batch_size([(make_config(backbone="resnext"), make_source())], said.append)
        assert not measured

    def test_on_a_gpu_is_tried_with_a_tenth_more(self, gpu, said):
        assert find_batch_size([(make_config(), make_source())], said.append) == 44
        # 44 / .9 is below 50, 46 / .9 above.
        assert {math.ceil(44 / 0.9), math.ceil(46 / 0.9)} <= set(gpu)
        assert said == ["batch_size auto: 44 (90 % of what the GPU's memory takes)"]

    def test_on_a_gpu_that_is_too_small_is_refused(self, gpu, said):
        config = make_config(fine_fraction=0.01, coarse_fraction=0.99)
        message = r"^Even a batch of 100 does not fit the memory\. "
        with pytest.raises(InputError, match=message):
            find_batch_size([(config, make_source(each=100))], said.append)
        assert gpu == [math.ceil(100 / 0.9)]

    def test_other_errors_of_a_try_are_not_taken_for_a_lack_of_memory(self, gpu, said, monkeypatch):
        def make(network):
            def trial(size):
                raise tf.errors.InternalError(None, None, "broken")

            return trial

        monkeypatch.setattr(batch_size, "make_trial", make)
        with pytest.raises(tf.errors.InternalError, match="broken"):
            find_batch_size([(make_config(), make_source())], said.append)


class TestTrain:
    def test_finds_its_batch_and_writes_it_down(self, measured, said, tmp_path):
        run = train(make_config(), tmp_path / "run", source=make_source(), say=said.append)
        assert said == ["batch_size auto: 80 (of 80 training images)"]
        assert run.config.batch_size == 80
        assert json.loads((tmp_path / "run/config.json").read_text())["batch_size"] == 80

    def test_is_the_run_of_that_number(self, gpu, said, tmp_path):
        source = make_source()
        found = train(make_config(), tmp_path / "auto", source=source, say=said.append)
        assert gpu
        given = train(make_config(batch_size=44), tmp_path / "given", source=source)
        assert found.config == given.config
        for one, other in zip(weights_of(found), weights_of(given), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_goes_on_with_the_number_of_its_workdir(self, measured, said, tmp_path):
        source, path = make_source(), tmp_path / "run"
        train(make_config(batch_size=16), path, source=source)
        run = train(make_config(), path, source=source, say=said.append)
        assert run.config.batch_size == 16
        assert said == [f"batch_size auto: 16 (as the run in {path} began)"]
        assert not measured

    def test_another_workdir_with_auto_is_still_another_run(self, measured, tmp_path):
        source, path = make_source(), tmp_path / "run"
        train(make_config(batch_size=16), path, source=source)
        message = (
            f"{path} holds another run (seed: 0, not 3). Use another workdir, or the values of "
            "that run."
        )
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            train(make_config(seed=3), path, source=source)

    def test_search_and_refit_have_one_number(self, measured, said, tmp_path):
        config = make_config(schedule="plateau", validation_fraction=0.2, refit=True)
        run = train(config, tmp_path / "run", source=make_source(each=50), say=said.append)
        search = json.loads((tmp_path / "run/search/config.json").read_text())
        assert run.config.batch_size == search["batch_size"] == 81
        assert len(measured) == len(said) == 1


class TestExperiments:
    def test_arms_of_a_comparison_have_one_number_also_when_it_goes_on(
        self, measured, said, tmp_path
    ):
        config = make_config(dataset="shapes/2x2")
        for match in ("updates", "updates"):
            compare(config, tmp_path, match, say=said.append)
        sizes = {
            json.loads(path.read_text())["batch_size"] for path in tmp_path.glob("*/config.json")
        }
        assert sizes == {80}
        assert len(measured) == 1
        assert said[0].startswith("batch_size auto: 80 (90 % of what ")
        assert said[1:] == [f"batch_size auto: 80 (as in {tmp_path / 'batch_size.json'})"]

    def test_settings_of_an_experiment_have_one_number(self, measured, said, tmp_path):
        config = make_config(dataset="shapes/2x2")
        settings = [Setting("all"), Setting("few", {"data_fraction": 0.05})]
        measure_granularity(config, tmp_path, settings, say=said.append)
        sizes = {
            json.loads(path.read_text())["batch_size"] for path in tmp_path.glob("*/config.json")
        }
        # A twentieth of 800 images.
        assert sizes == {40}
        assert said == ["batch_size auto: 40 (of 40 training images)"]
