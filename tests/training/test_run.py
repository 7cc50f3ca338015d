"""Runs from config to workdir: resumed, replayed, stopped, and what they leave."""

import contextlib
import dataclasses
import functools
import itertools
import json
import re
import shutil
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.backbones import BACKBONES
from coarse2fine.data import ArraySource
from coarse2fine.errors import InputError
from coarse2fine.evaluation import evaluate, predict
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, load_run, train
from coarse2fine.training.checkpoints import Checkpoints
from coarse2fine.training.events import read_events
from coarse2fine.training.plan import make_plan

TAXONOMY = Taxonomy(("a", "b", "c", "d"), ("x", "y"), (0, 0, 1, 1))


def make_source(seed=0, each=20, taxonomy=TAXONOMY):
    """Images of 8x8 whose brightness in one quarter tells the fine class."""
    rng = np.random.default_rng(seed)
    fine = np.repeat(np.arange(4), each)
    images = rng.integers(0, 100, size=(len(fine), 8, 8, 3)).astype(np.uint8)
    for image, label in zip(images, fine, strict=True):
        row, column = divmod(int(label), 2)
        image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 100
    return ArraySource(images, taxonomy, fine)


def make_config(**changes):
    defaults = {
        "width": 0.05,
        "batch_size": 8,
        "epochs": 3,
        "schedule": "cosine",
        "preprocess": "standardize",
        "validation_fraction": 0.2,
        "checkpoint_every_steps": 7,
    }
    return Config(**{**defaults, **changes})


def weights_of(run):
    return [variable.numpy() for variable in run.model.variables]


@contextlib.contextmanager
def without_dropout():
    nin = BACKBONES["nin"]
    plain = dataclasses.replace(nin, build=functools.partial(nin.build, dropout=0.0))
    with mock.patch.dict(BACKBONES, nin=plain):
        yield


class StopAfter(keras.callbacks.Callback):
    """Ends a run as a crash would: by an exception, after so many updates."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_begin(self, batch, logs=None):
        if int(self.model.optimizer.iterations.numpy()) >= self.steps:
            raise RuntimeError("crash")


def test_leaves_its_config_partition_metrics_events_and_checkpoint(tmp_path):
    run = train(make_config(), tmp_path, source=make_source())
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "config.json",
        "taxonomy.json",
        "partition.npz",
        "data.json",
        "lock",
        "preprocessing.npz",
        "checkpoints",
        "events",
        "metrics.jsonl",
    }
    lines = run.workdir.read_metrics()
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert lines[-1]["step"] == run.config.steps
    assert lines[-1]["images_seen"] == run.config.steps * 8
    counts = json.loads((tmp_path / "data.json").read_text())["images"]
    assert counts == {"fine_labelled": 32, "coarse_only": 40, "validation": 8}


def events_of(run):
    """TensorBoard's events: for each run and tag the steps and values."""
    found = {}
    for path in sorted(run.workdir.events.rglob("events.*")):
        for event in read_events(path):
            for value in event.summary.value:
                number = tf.make_ndarray(value.tensor)
                key = path.parent.name, value.tag
                found.setdefault(key, []).append((event.step, number.tolist()))
    return found


def assert_same_run(whole, other):
    for a, b in zip(weights_of(whole), weights_of(other), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(*(run.model.optimizer.variables for run in (whole, other)), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    lines = [
        [{**line, "seconds": 0} for line in run.workdir.read_metrics()] for run in (whole, other)
    ]
    assert lines[0] == lines[1]
    assert events_of(whole) == events_of(other)
    bests = [load_run(run.workdir.path, "best") for run in (whole, other)]
    assert bests[0].step == bests[1].step
    for a, b in zip(*map(weights_of, bests), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The run of a config on `make_source()`, trained once for all tests that compare with it."""
    return functools.cache(
        lambda config: train(config, tmp_path_factory.mktemp("trained"), source=make_source())
    )


@pytest.fixture(scope="module")
def crashed(tmp_path_factory):
    """Workdirs of `make_config()` that crashed behind update 25, one each time."""
    root = tmp_path_factory.mktemp("crashed")
    with pytest.raises(RuntimeError, match="crash"):
        train(make_config(), root / "0", lambda *_: [StopAfter(25)], make_source())
    numbers = itertools.count(1)
    return lambda: shutil.copytree(root / "0", root / str(next(numbers)))


@pytest.mark.parametrize("stops", [[25], [3], [9, 10, 27], [18], [44]])
def test_goes_on_after_crashes_as_if_it_had_not_stopped(trained, tmp_path, stops):
    config = make_config(schedule="plateau", plateau_patience=1, epochs=5)
    whole = trained(config)
    assert whole.config.steps == 45
    for stop in stops:
        with pytest.raises(RuntimeError, match="crash"):
            train(config, tmp_path / "cut", lambda *_, stop=stop: [StopAfter(stop)], make_source())
    assert_same_run(whole, train(config, tmp_path / "cut", source=make_source()))


def test_a_finished_run_goes_on_with_more_steps(tmp_path):
    config = make_config(epochs=None, steps=13, schedule="plateau")
    whole = train(config.replace(steps=18), tmp_path / "whole", source=make_source())
    train(config, tmp_path / "run", source=make_source())
    evaluate(tmp_path / "run", source=make_source(seed=1))
    run = train(config.replace(steps=18), tmp_path / "run", source=make_source())
    for a, b in zip(weights_of(whole), weights_of(run), strict=True):
        np.testing.assert_array_equal(a, b)
    assert run.config.steps == run.step == 18
    assert [line["step"] for line in run.workdir.read_metrics()] == [9, 13, 18]
    assert not (tmp_path / "run/report.json").exists()
    with pytest.raises(InputError, match=r"holds another run \(steps: 18, not 13\)"):
        train(config, tmp_path / "run", source=make_source())


def test_mixing_and_a_share_of_coarse_only_images_that_changes_go_on_where_they_were(tmp_path):
    config = make_config(
        cutmix=0.5,
        coarse_supervision="marginal",
        fine_term="labelled",
        label_smoothing=0.1,
        coarse_share=0.25,
        final_coarse_share=0.75,
        optimizer="muon",
    )
    whole = train(config, tmp_path / "whole", source=make_source())
    with pytest.raises(RuntimeError, match="crash"):
        train(config, tmp_path / "cut", lambda *_: [StopAfter(12)], make_source())
    assert_same_run(whole, train(config, tmp_path / "cut", source=make_source()))
    plan = make_plan(make_source(), config)
    _, has_fine = plan.schedule.images(tf.range(27 * 8, dtype=tf.int64))
    np.testing.assert_allclose(
        has_fine.numpy().reshape(3, 72).mean(1), [2 / 3, 1 / 2, 1 / 3], atol=0.03
    )
    report = evaluate(whole, source=make_source(seed=1))
    assert report["coarse_top1"] == report["coarse_top1_from_fine_sum"]


def test_more_steps_of_a_share_that_changes_up_to_the_last_one_are_refused(tmp_path):
    config = make_config(epochs=None, steps=2, coarse_share=0.25, final_coarse_share=0.75)
    train(config, tmp_path, source=make_source())
    with pytest.raises(InputError, match=r"holds another run \(steps: 2, not 4\)"):
        train(config.replace(steps=4), tmp_path, source=make_source())
    assert load_run(tmp_path).config.steps == 2


def test_two_views_are_an_image_and_what_a_mirror_shows(trained):
    run, source = trained(make_config()), make_source(seed=1)
    mirrored = ArraySource(source.images(tf.range(80)).numpy()[:, :, ::-1], TAXONOMY, source.fine)
    seen = [predict(run.model, run.preprocess, images) for images in (source, mirrored)]
    averaged = predict(run.model, run.preprocess, source, batch_size=7, views=2)
    for level in ("fine_scores", "coarse_scores"):
        shares = [tf.nn.softmax(getattr(scores, level)).numpy() for scores in seen]
        np.testing.assert_allclose(
            np.exp(getattr(averaged, level)), np.mean(shares, axis=0), rtol=1e-4
        )
    assert evaluate(run, source=source, views=2)["views"] == 2


def test_a_finished_run_is_loaded_and_not_trained_again(tmp_path):
    first = train(make_config(), tmp_path, source=make_source())
    again = train(make_config(), tmp_path, lambda name, steps: [StopAfter(0)], make_source())
    for a, b in zip(weights_of(first), weights_of(again), strict=True):
        np.testing.assert_array_equal(a, b)


def test_is_a_pure_function_of_its_config(trained, tmp_path):
    runs = trained(make_config()), train(make_config(), tmp_path, source=make_source())
    for a, b in zip(*map(weights_of, runs), strict=True):
        np.testing.assert_array_equal(a, b)


def test_steps_that_end_in_the_middle_of_an_epoch_are_kept_exactly(tmp_path):
    run = train(make_config(epochs=None, steps=13), tmp_path, source=make_source())
    assert int(run.model.optimizer.iterations.numpy()) == 13
    assert run.workdir.read_metrics()[-1]["step"] == 13


def test_refit_replays_the_plateaus_learning_rates_on_all_images(tmp_path):
    config = make_config(
        schedule="plateau",
        plateau_patience=1,
        plateau_factor=0.5,
        epochs=6,
        refit=True,
        warmup=0.1,
    )
    run = train(config, tmp_path, source=make_source())
    search = [json.loads(line) for line in (tmp_path / "search/metrics.jsonl").open()]
    # The rate after an epoch's plateau is the next epoch's.
    rate_of_step = {
        step: line["learning_rate"]
        for before, line in zip([{"step": 0}, *search], search, strict=False)
        for step in range(before["step"], line["step"])
    }
    assert len(set(rate_of_step.values())) > 1, "the search must find something to replay"
    replayed, warmup_steps = run.model.optimizer, round(0.1 * run.config.steps)
    assert search[0]["step"] >= warmup_steps, "the search's first rate must be of a whole warm-up"
    for step, rate in rate_of_step.items():
        replayed.iterations.assign(step)
        expected = rate * min(1, step / warmup_steps)
        np.testing.assert_allclose(replayed.learning_rate, expected, rtol=1e-5, err_msg=str(step))
    counts = json.loads((tmp_path / "data.json").read_text())["images"]
    assert counts == {"fine_labelled": 40, "coarse_only": 40, "validation": 0}
    assert run.config.steps == search[-1]["step"]


def test_a_plateau_waits_as_many_updates_for_a_share_of_the_images(tmp_path):
    for share in (1.0, 0.5):
        config = make_config(
            schedule="plateau",
            plateau_patience=1,
            epochs=3,
            batch_size=4,
            data_fraction=share,
            learning_rate=1e-20,  # Nothing gets better after the first epoch.
        )
        run = train(config, tmp_path / str(share), source=make_source())
        state = Checkpoints(run.workdir.checkpoints, run.model, run.taxonomy).read_state()
        changes = [step for step, _ in state["plateau"]["changes"]]
        first_epoch = run.workdir.read_metrics()[0]["step"]
        assert first_epoch == 18 * share
        assert np.diff([first_epoch, *changes]).tolist() == [18, 18]


def test_a_loss_that_is_not_finite_names_the_step_and_leaves_no_bad_checkpoint(tmp_path):
    config = make_config(learning_rate=1e30, schedule="milestones", milestones=((0.99, 0.1),))
    with pytest.raises(InputError, match=r"^The loss is (nan|inf) at step [0-9]+\. The last good"):
        train(config, tmp_path, source=make_source())
    checkpoints = list((tmp_path / "checkpoints").glob("*"))
    assert not checkpoints, "no epoch ended with finite weights"


def test_a_checkpoint_of_another_taxonomy_is_refused(tmp_path):
    train(make_config(), tmp_path, source=make_source())
    other = Taxonomy(TAXONOMY.fine_names, TAXONOMY.coarse_names, (0, 1, 0, 1))
    text = json.dumps({"fine_names": "abcd", "coarse_names": "xy", "parent": other.parent})
    (tmp_path / "taxonomy.json").write_text(
        text.replace('"abcd"', '["a","b","c","d"]').replace('"xy"', '["x","y"]')
    )
    with pytest.raises(InputError, match="was made with another taxonomy"):
        load_run(tmp_path)


@pytest.mark.parametrize("labels", ["mixed", "fine", "oracle", "coarse"])
def test_every_kind_of_labels_trains_and_is_evaluated(tmp_path, labels):
    run = train(make_config(labels=labels), tmp_path, source=make_source())
    report = evaluate(tmp_path, source=make_source(seed=1))
    assert report == json.loads((tmp_path / "report.json").read_text())
    assert report["num_images"] == 80
    assert (report["fine_top1"] is None) == (labels == "coarse")
    assert 0 <= report["coarse_top1"] <= 1
    assert run.model.has_fine_head == (labels != "coarse")


@pytest.mark.parametrize(
    ("precision", "optimizer"), [("mixed_bfloat16", "sgd"), ("mixed_float16", "muon")]
)
def test_trains_in_mixed_precision(tmp_path, precision, optimizer):
    config = make_config(precision=precision, schedule="plateau", optimizer=optimizer)
    run = train(config, tmp_path, source=make_source())
    assert run.model.backbone.layers[1].compute_dtype == precision.removeprefix("mixed_")
    assert np.isfinite(run.workdir.read_metrics()[-1]["loss"])
    assert keras.config.dtype_policy().name == "float32"
    again = load_run(tmp_path)
    for a, b in zip(weights_of(run), weights_of(again), strict=True):
        np.testing.assert_array_equal(a, b)


def test_tensorboard_has_every_metric_the_rate_the_config_and_class_maps(tmp_path):
    run = train(make_config(), tmp_path, source=make_source())
    tags = {}
    for split in ("train", "validation"):
        for path in (tmp_path / "events" / split).iterdir():
            for event in read_events(path):
                for value in event.summary.value:
                    tags.setdefault(split, {}).setdefault(value.tag, []).append(event.step)
    names = {metric.name for metric in run.model.metrics}
    assert set(tags["train"]) == names | {"learning_rate", "config", "class_maps"}
    assert set(tags["validation"]) == names
    epochs = [line["step"] for line in run.workdir.read_metrics()]
    assert tags["train"]["loss"] == tags["validation"]["loss"] == epochs


@pytest.mark.parametrize("optimizer", ["sgd", "muon"])
def test_two_replicas_train_and_save_the_run_of_one(tmp_path, optimizer):
    # Without dropout and normalisation, whose draws and statistics are each replica's own.
    config = make_config(backbone="nin", epochs=2, optimizer=optimizer)
    runs = {}
    for strategy in ("single", "mirrored"):
        with without_dropout():
            runs[strategy] = train(
                config.replace(strategy=strategy), tmp_path / strategy, source=make_source()
            )
    assert runs["mirrored"].model.distribute_strategy.num_replicas_in_sync == 2
    with without_dropout():
        single, mirrored = (load_run(tmp_path / strategy) for strategy in runs)
    for a, b in zip(weights_of(single), weights_of(mirrored), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    for one, two in zip(
        single.workdir.read_metrics(), mirrored.workdir.read_metrics(), strict=True
    ):
        for name in set(one) - {"seconds"}:
            np.testing.assert_allclose(one[name], two[name], rtol=1e-4, err_msg=name)


def test_a_batch_that_does_not_divide_by_the_replicas_is_refused_before_anything_is_written(
    tmp_path,
):
    config = make_config(strategy="mirrored", batch_size=9)
    with pytest.raises(InputError, match=r"^A batch of 9 cannot be cut into equal slices for 2"):
        train(config, tmp_path / "run", source=make_source())
    assert not (tmp_path / "run").exists()


def test_updates_that_loss_scaling_leaves_out_still_count_as_steps(tmp_path):
    class Overflow(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.optimizer.dynamic_scale.assign(1e38)

    config = make_config(precision="mixed_float16", schedule="milestones", epochs=2)
    run = train(config, tmp_path, lambda name, steps: [Overflow()], make_source())
    assert int(run.model.optimizer.iterations.numpy()) < run.config.steps
    assert run.workdir.read_metrics()[-1]["step"] == run.config.steps
    again = train(config, tmp_path, lambda name, steps: [StopAfter(0)], make_source())
    for a, b in zip(weights_of(run), weights_of(again), strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_images_of_the_same_shape_and_labels_are_another_run(tmp_path):
    train(make_config(), tmp_path, source=make_source())
    with pytest.raises(InputError, match="holds a run on other images"):
        train(make_config(), tmp_path, source=make_source(seed=1))


def test_refit_does_not_touch_a_folder_that_is_not_its_own(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="is no workdir"):
        train(make_config(schedule="plateau", refit=True), tmp_path, source=make_source())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_run_on_given_images_asks_for_them_again(tmp_path):
    train(make_config(), tmp_path, source=make_source())
    with pytest.raises(InputError, match=r"^The images of this run were given in Python"):
        evaluate(tmp_path)


def test_more_training_takes_an_old_report_away(tmp_path):
    config = make_config()
    with pytest.raises(RuntimeError, match="crash"):
        train(config, tmp_path, lambda name, steps: [StopAfter(20)], make_source())
    evaluate(tmp_path, source=make_source(seed=1))
    assert (tmp_path / "report.json").exists()
    train(config, tmp_path, source=make_source())
    assert not (tmp_path / "report.json").exists()


def test_mirrored_runs_of_other_networks_follow_each_other_in_one_process(tmp_path):
    for width in (0.05, 0.1):
        config = make_config(strategy="mirrored", width=width, epochs=1)
        run = train(config, tmp_path / str(width), source=make_source())
        assert np.isfinite(run.workdir.read_metrics()[-1]["loss"])


def test_an_evaluation_that_is_cut_off_leaves_no_report_of_other_decisions(tmp_path):
    run = train(make_config(epochs=1), tmp_path, source=make_source())
    evaluate(run, source=make_source(seed=1))
    with (
        mock.patch("coarse2fine.evaluation.evaluate.write_json", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        evaluate(run, source=make_source(seed=2))
    assert (tmp_path / "decisions.npz").exists()
    assert not (tmp_path / "report.json").exists()


class Stop(keras.callbacks.Callback):
    """Asks for an end: in the middle of an epoch, or at the end of one."""

    def __init__(self, hook):
        super().__init__()
        setattr(self, hook, self._stop)

    def _stop(self, number, logs=None):
        self.model.stop_training = True


@pytest.mark.parametrize(("hook", "step"), [("on_train_batch_end", 1), ("on_epoch_end", 9)])
def test_a_callback_that_stops_training_is_refused(tmp_path, hook, step):
    message = (
        f"A callback set stop_training at update {step} of 27, and a run makes all of its "
        "updates. Leave that callback out, or ask for fewer steps."
    )
    with pytest.raises(InputError, match=f"^{message}$"):
        train(make_config(), tmp_path, lambda *_: [Stop(hook)], make_source())


@pytest.mark.parametrize("lines", [[0, 2], [1, 0], [0, 0, 1], []])
def test_metrics_that_lack_an_epoch_of_a_checkpoint_are_refused_and_stay(crashed, lines):
    home = crashed()
    path = home / "metrics.jsonl"
    written = path.read_text().splitlines()
    assert len(written) == 2
    written.append(written[1].replace('"epoch": 2', '"epoch": 3'))
    chosen = [written[number] for number in lines]
    path.write_text("".join(line + "\n" for line in chosen))
    before = path.read_bytes()
    epochs = [json.loads(line)["epoch"] for line in chosen[:2]]
    message = (
        f"{path} begins with the epochs {', '.join(map(str, epochs)) or '(none)'}, expected 1 to "
        "2, each once and in order. Restore the file, or use another workdir."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        train(make_config(), home, source=make_source())
    assert path.read_bytes() == before


def flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [flip, lambda content: content[:-100]], ids=["bit", "cut"])
def test_a_damaged_checkpoint_changes_nothing_in_what_a_run_ends_with(
    trained, crashed, damage, caplog
):
    home = crashed()
    path = home / "checkpoints" / "step-21.npz"
    path.write_bytes(damage(path.read_bytes()))
    again = train(make_config(), home, source=make_source())
    assert caplog.messages == [
        f"Checkpoint {path} is damaged, and set aside as step-21.npz.damaged."
    ]
    assert_same_run(trained(make_config()), again)


def test_a_clock_that_jumps_back_changes_nothing_in_what_a_run_ends_with(trained, tmp_path):
    for crash, clock in ((12, 2_000_000_000), (25, 1_900_000_000)):
        with pytest.raises(RuntimeError, match="crash"):
            train(
                make_config(), tmp_path / "cut", lambda *_, c=crash: [StopAfter(c)], make_source()
            )
        for path in (tmp_path / "cut" / "events").glob("*/*.v2"):
            # As a clock that was ahead would have named it.
            path.rename(path.with_name(f"events.out.tfevents.{clock}.host.1.0.v2"))
    again = train(make_config(), tmp_path / "cut", source=make_source())
    assert_same_run(trained(make_config()), again)
