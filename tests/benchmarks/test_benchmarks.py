"""The benchmarks: what a pair of timings gives, and that each measures at a small scale."""

import importlib
import json
import multiprocessing
import pathlib
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.benchmarks import (
    BENCHMARKS,
    Images,
    Measurement,
    Settings,
    image_files,
    jpeg,
    pytorch,
    resume,
    start,
    step,
    workers,
)
from coarse2fine.benchmarks.epoch_end import Waits
from coarse2fine.benchmarks.help import launchers
from coarse2fine.benchmarks.image_files import make_image_folder
from coarse2fine.benchmarks.jpeg import Jpegs
from coarse2fine.benchmarks.measurement import of_pairs
from coarse2fine.benchmarks.min_pool import unequal_parent
from coarse2fine.benchmarks.timing import PairTimes, time_pairs
from coarse2fine.data import image_index
from coarse2fine.data.image_folder import read_image_folder
from coarse2fine.errors import InputError
from coarse2fine.process import call_in_process, peak_memory, resident_memory

LAUNCHERS = pathlib.Path(__file__).parents[2] / "launch"

# What makes each benchmark small; the bounds are for the true scale.
SMALL = {
    "step": {"cases": [step.Case("nin", "mixed", width=0.05, batch_size=4, steps=1)]},
    "pytorch": {"width": 0.05, "batch_size": 4, "steps": 1},
    "epoch_end": {"epochs": 2, "seconds": 0.05, "width": 0.05},
    "pipeline": {
        "batch_size": 8,
        "width": 0.05,
        "steps": 1,
        "batches": 2,
        "jpegs": Jpegs(num_files=8, batch_size=4, batches=1, rest=0.0),
    },
    "min_pool": {"num_fine": 200, "num_coarse": 20, "largest": 30, "batch_size": 1, "repeats": 1},
    "small_maps": {"cases": [step.Case("fastnet", "mixed", width=0.05, batch_size=4, steps=1)]},
    "zca": {},
    "memory": {
        "first": 2,
        "last": 4,
        "num_files": 20,
        "width": 0.05,
        "batch_size": 8,
        "preprocess": "standardize",
        "schedule": "cosine",
    },
    "start": {"num_images": 40, "num_fine": 4, "num_coarse": 2},
    "confusion": {"num_images": 200, "width": 0.05, "num_classes": 1000, "batch_size": 8},
    "tsne": {"points": 50, "channels": 4},
    "taxonomy": {"num_edges": 300, "num_leaves": 50, "num_coarse": 5},
    "resume": {
        "kills": 1,
        "images_per_class": 4,
        "width": 0.05,
        "batch_size": 8,
        "steps": 8,
    },
    "checkpoint": {"parameters": 10_000, "saves": 2},
    "determinism": {"width": 0.05, "batch_size": 4, "repeats": 1, "most": 1},
    "workers": {"load": workers.Load(width=0.05, batch_size=4, warmup=1, steps=1), "most": 1},
    "backing_off": {"backbone": "nin", "steps": 1, "batch_size": 8, "width": 0.05, "cuts": 2},
    "serving": {"width": 0.05, "answers": 1},
    "showing": {"width": 0.05, "steps": 1, "experiments": "chen2018_table2"},
    "help": {"repeats": 1},
}

NAMES = {
    "step": ["step/nin/float32", "step/nin/mixed_bfloat16"],
    "pytorch": ["pytorch/nin/float32", "pytorch/nin/mixed_bfloat16"],
    "epoch_end": ["epoch_end/wait"],
    "pipeline": [
        "pipeline/whitened",
        "pipeline/jpeg/random_crop",
        "pipeline/jpeg/random_resized_crop",
    ],
    "min_pool": [
        f"min_pool/{case}/{side}" for side in ("4x4", "8x8") for case in ("plain", "double")
    ],
    "small_maps": ["small_maps/fastnet/0.05"],
    "zca": ["zca/seconds", "zca/memory"],
    "memory": ["memory/peak", "memory/growth", "memory/images"],
    "start": ["start/first", "start/again", "start/on", "start/memory"],
    "confusion": ["confusion/evaluation", "confusion/memory"],
    "tsne": ["tsne/seconds"],
    "taxonomy": ["taxonomy/load"],
    "resume": ["resume/killed"],
    "checkpoint": ["checkpoint/wait", "checkpoint/share"],
    "determinism": ["determinism/nin"],
    "workers": ["workers/nin"],
    "backing_off": [f"backing_off/{rate}" for rate in ("0.05", "0.1", "0.2", "together")],
    "serving": ["serving/latency", "serving/backing_off"],
    "showing": ["showing/page", "showing/page_size", "showing/nothing_left"],
    "help": [f"help/{path.stem}" for path in launchers(LAUNCHERS)],
}


class FakeClock:
    """A clock that only `work` moves, and a record of who moved it."""

    def __init__(self):
        self.now = 0.0
        self.calls = []

    def __call__(self):
        return self.now

    def work(self, name, seconds):
        def run():
            self.calls.append(name)
            self.now += seconds

        return run


@pytest.fixture
def settings(tmp_path):
    return Settings(
        workdir=tmp_path, launchers=LAUNCHERS, images=Images(num_random=400, side=8), pairs=2
    )


def make_measurement(**changes):
    values = {"name": "a/b", "value": 1.0, "low": 0.9, "high": 1.1, "bound": 1.0, "unit": "s"}
    return Measurement(**{**values, **changes})


def test_pairs_give_the_ratio_of_each_pair():
    clock = FakeClock()
    times = time_pairs(clock.work("a", 3.0), clock.work("b", 2.0), pairs=4, clock=clock)
    np.testing.assert_array_equal(times.first, [3.0] * 4)
    np.testing.assert_array_equal(times.second, [2.0] * 4)
    np.testing.assert_array_equal(times.ratios, [1.5] * 4)


def test_pairs_warm_both_up_then_alternate_who_goes_first():
    clock = FakeClock()
    time_pairs(clock.work("a", 1.0), clock.work("b", 1.0), pairs=3, warmup=2, clock=clock)
    assert "".join(clock.calls) == "abab" + "ab" + "ba" + "ab"


def test_a_machine_that_slows_down_steadily_does_not_shift_the_median():
    clock = FakeClock()

    def slowing():
        clock.now += 1.0 + 0.001 * clock.now

    times = time_pairs(slowing, slowing, pairs=100, clock=clock)
    assert np.median(times.ratios) == pytest.approx(1.0, abs=1e-4)


def test_a_measurement_of_pairs_is_their_median_between_quartiles():
    measured = of_pairs("a/b", [4.0, 1.0, 2.0, 3.0, 5.0], bound=3.0, note="some work")
    assert (measured.value, measured.low, measured.high) == (3.0, 2.0, 4.0)
    assert measured.line() == (
        "a/b: some work: 3 times (2 to 4: quartiles of 5 pairs, min 1, max 5); "
        "bound at most 3: holds"
    )


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({"value": 1.0}, True),
        ({"value": 1.01}, False),
        ({"value": 1.01, "is_upper_bound": False}, True),
        ({"value": 0.99, "is_upper_bound": False}, False),
        ({"is_upper_bound": False, "low_bound": 0.9}, True),
        ({"is_upper_bound": False, "low_bound": 0.91}, False),
        ({"value": float("nan")}, False),
        ({"value": float("nan"), "is_upper_bound": False}, False),
    ],
)
def test_a_measurement_holds_within_its_bounds(changes, holds):
    measured = make_measurement(**changes)
    assert measured.holds == holds
    assert measured.line().endswith("holds" if holds else "FAILS")


def test_every_benchmark_is_measured_at_a_small_scale_here():
    assert set(SMALL) == set(NAMES) == set(BENCHMARKS)


def call_here(module, name, **arguments):
    """What `call_in_process` does, but for the new process and the time that it takes."""
    arguments = json.loads(json.dumps(arguments))
    return json.loads(json.dumps(getattr(importlib.import_module(module), name)(**arguments)))


@pytest.mark.parametrize("name", SMALL)
def test_each_benchmark_measures(name, settings, monkeypatch):
    module = importlib.import_module(f"coarse2fine.benchmarks.{name}")
    if name == "pytorch":
        pytest.importorskip("torch", reason="PyTorch is no requirement", exc_type=ImportError)
    if name in (
        "memory",
        "start",
    ):  # Others still make processes, and a test looks at one's memory.
        monkeypatch.setattr(module, "call_in_process", call_here)
    measurements = module.measure(settings, **SMALL[name])
    assert [measured.name for measured in measurements] == NAMES[name]
    for measured in measurements:
        assert np.isfinite([measured.value, measured.low, measured.high]).all()
        assert measured.low <= measured.value <= measured.high
        # Memory may shrink while a run goes on, and a start may be sooner than another.
        assert measured.value > 0 or measured.name in ("memory/growth", "memory/images", "start/on")


def test_pytorch_is_asked_for_where_it_is_not_installed(settings, monkeypatch):
    monkeypatch.setattr(pytorch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError) as error:
        pytorch.measure(settings)
    assert str(error.value) == (
        "The benchmark pytorch needs PyTorch, which is not installed. Install it with pip install "
        "torch, or choose other benchmarks."
    )


def test_pytorch_trains_the_layers_of_nin():
    spec = json.loads(pytorch._spec("float32", 1.0, 128, 4))
    kinds = [kind for kind, _ in spec["layers"]]
    assert kinds.count("Conv2D") == 8
    assert kinds.count("Dropout") == 2
    channels, parameters = 3, 0
    for kind, arguments in spec["layers"]:
        if kind == "Conv2D":
            filters, size = arguments["filters"], arguments["kernel_size"][0]
            parameters += filters * (channels * size**2 + 1)
            channels = filters
    assert parameters + 100 * (channels + 1) == 984_356
    assert np.sort(spec["children"], axis=None).tolist() == list(range(100))


def test_the_step_is_measured_on_three_networks_in_two_precisions(settings, monkeypatch):
    for side in ("fit_ours", "fit_stock"):
        monkeypatch.setattr(step, side, lambda *arguments: None)
    times = PairTimes(np.array([1.0, 2.0]), np.array([0.5, 1.0]))
    monkeypatch.setattr(step, "time_pairs", lambda ours, stock, pairs: times)
    measurements = step.measure(settings)
    assert [measured.name for measured in measurements] == [
        f"step/{backbone}/{policy}"
        for backbone in ("nin", "preact_resnet", "wide_resnet")
        for policy in ("float32", "mixed_bfloat16")
    ]
    for measured in measurements:
        assert (measured.value, measured.bound, measured.low_bound) == (0.5, 0.97, 0.93)
        assert not measured.is_upper_bound
    # 4 steps of 128 images in 1.5 and .75 seconds.
    assert measurements[2].note == (
        "images/s of fit, preact_resnet of width 0.25 with two heads and fine labels over stock "
        "Keras with one, batch 128 of random images (341 and 683 images/s)"
    )


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("case", step.CASES, ids=lambda case: case.backbone)
def test_both_sides_of_the_step_train_the_same_network_on_the_same_images(
    case, policy, monkeypatch
):
    monkeypatch.setattr(step, "_fit", lambda model, batch, steps: (model, batch))
    ours, (images, labels, weights) = step.fit_ours(policy, 4, 0.1, 1, case.backbone, case.labels)
    stock, (stock_images, fine) = step.fit_stock(policy, 4, 0.1, 1, case.backbone)
    np.testing.assert_array_equal(images, stock_images)
    has_fine = [0, 1, 0, 1] if case.labels == "mixed" else [1, 1, 1, 1]
    np.testing.assert_array_equal(weights["fine"], has_fine)
    np.testing.assert_array_equal(labels["fine"], fine * has_fine)

    kinds = [type(layer).__name__ for layer in stock.layers[-2:]]
    assert (kinds == ["GlobalAveragePooling2D", "Dense"]) == (case.backbone != "nin")
    for place, weight in zip(stock.weights, ours.weights[: len(stock.weights)], strict=True):
        place.assign(np.reshape(weight, place.shape))
    scores = ours(images)["fine"].numpy()
    assert stock(images).dtype == scores.dtype == "float32"
    rounding = {"float32": 1e-5, "mixed_bfloat16": 0.02}[policy]
    np.testing.assert_allclose(stock(images), scores, atol=rounding * np.abs(scores).max())


def test_a_folder_of_files_is_that_of_so_many_small_images_in_equal_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "_LINKS", 7)
    make_image_folder(tmp_path / "images", 40, num_fine=6, num_coarse=3)
    table = read_image_folder(tmp_path / "images")
    assert table.taxonomy.children == ((0, 1), (2, 3), (4, 5))
    assert sorted(np.bincount(table.fine)) == [6, 6, 7, 7, 7, 7]
    assert {(tmp_path / "images" / path).stat().st_nlink for path in table.paths} == {8, 6}
    image = tf.io.decode_jpeg((tmp_path / "images" / table.paths[39]).read_bytes())
    assert image.shape == (40, 48, 3)


@pytest.mark.usefixtures("later")
def test_a_second_start_has_the_index_of_the_first(tmp_path, monkeypatch):
    make_image_folder(tmp_path / "images", 40, num_fine=4, num_coarse=2)
    folders = {"folder": str(tmp_path / "images"), "cache_dir": str(tmp_path / "cache")}
    first, peak = start.start(**folders, workdir=str(tmp_path / "first"), asked=time.time() - 100)
    assert 100 < first < 200
    assert peak > 2**27
    monkeypatch.setattr(image_index, "scan_images", None)
    again, _ = start.start(**folders, workdir=str(tmp_path / "again"), asked=time.time())
    assert 0 < again < 100


def test_made_photographs_are_the_same_each_time_and_about_as_large_as_true_ones(tmp_path):
    jpegs = Jpegs(num_files=3)
    first, again = (jpegs.write(tmp_path / name) for name in ("first", "again"))
    np.testing.assert_array_equal(first, again)
    images = [(tmp_path / "first" / name).read_bytes() for name in first]
    assert images == [(tmp_path / "again" / name).read_bytes() for name in again]
    for image in images:
        assert tf.io.decode_jpeg(image).shape == (375, 500, 3)
        assert 30_000 < len(image) < 200_000


@pytest.mark.parametrize("side", ["random_crop", "random_resized_crop"])
def test_both_sides_of_the_jpeg_pipeline_make_the_same_kind_of_batch(tmp_path, side):
    jpegs = Jpegs(num_files=8, batch_size=4)
    names = jpegs.write(tmp_path / "jpeg")
    read = getattr(jpeg, f"_{side}")(jpegs)
    ours = next(iter(jpeg._ours(tmp_path / "jpeg", names, jpegs, side)))[0].numpy()
    bare = next(iter(jpeg._bare([str(tmp_path / "jpeg" / n) for n in names], jpegs, read))).numpy()
    assert ours.shape == bare.shape == (4, 224, 224, 3)
    assert ours.dtype == bare.dtype == np.float32
    # Photographs without their mean: of the same level and contrast.
    np.testing.assert_allclose(ours.mean(), bare.mean(), atol=60)
    assert 0.4 < ours.std() / bare.std() < 2.5


def test_the_registry_calls_the_module_of_that_name(settings, monkeypatch):
    module = importlib.import_module("coarse2fine.benchmarks.help")
    monkeypatch.setattr(module, "measure", lambda given: [given])
    assert BENCHMARKS["help"](settings) == [settings]


def test_unequal_families_have_one_of_the_largest_size_and_none_empty():
    sizes = np.bincount(unequal_parent(10_000, 1_103, 300))
    assert (len(sizes), sizes.sum(), sizes.max(), sizes.min()) == (1_103, 10_000, 300, 1)
    assert np.partition(sizes, -2)[-2] < 300
    np.testing.assert_array_equal(
        unequal_parent(10_000, 1_103, 300), unequal_parent(10_000, 1_103, 300)
    )


def test_a_wait_at_the_end_of_an_epoch_is_found():
    class Slow(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                clock.append(0.3)

    clock = [0.0]
    waits = Waits(clock=lambda: sum(clock))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = tf.data.Dataset.from_tensors((np.ones((2, 1)), np.ones((2, 1)))).repeat(2)
    model.fit(
        data, epochs=2, validation_data=data, callbacks=[waits, Slow()], shuffle=False, verbose=0
    )
    assert [seconds for _, _, seconds in waits.waits if seconds] == [0.3, 0.3]
    assert {wait[:2] for wait in waits.waits if wait[2]} == {
        ("training step", "evaluation's begin")
    }
    assert {wait[:2] for wait in waits.waits} == {
        ("training step", "evaluation's begin"),
        ("evaluation step", "evaluation's end"),
        ("evaluation's end", "epoch's end"),
        ("epoch's end", "epoch's begin"),
        ("epoch's end", "training's end"),
    }


def test_a_process_of_its_own_does_not_count_its_parents_memory():
    ballast = np.ones(2**27)  # 1 GiB
    here = peak_memory()
    there = call_in_process("coarse2fine.process", "peak_memory")
    assert here > ballast.nbytes
    if resident_memory() is not None:
        assert there < ballast.nbytes


def test_a_process_that_fails_says_why():
    with pytest.raises(
        RuntimeError, match=r"(?s)^json\.loads failed in its process:\n.*JSONDecodeError"
    ):
        call_in_process("json", "loads", s="[")


@pytest.mark.parametrize(
    ("other", "is_equal"),
    [
        ({"step": 1, "a": np.array([1.0, 2.0])}, True),
        ({"step": 2, "a": np.array([1.0, 2.0])}, False),
        ({"step": 1, "a": np.array([1.0, np.nextafter(2.0, 3.0)])}, False),
        ({"step": 1, "a": np.array([1.0])}, False),
        ({"step": 1}, False),
    ],
)
def test_outcomes_are_the_same_where_every_bit_is(other, is_equal):
    assert resume.is_same({"step": 1, "a": np.array([1.0, 2.0])}, other) == is_equal


@pytest.mark.parametrize(
    ("seconds", "at", "killed"), [(60, resume.Instant(0.1), True), (0, None, False)]
)
def test_only_a_process_that_was_killed_counts_as_killed(tmp_path, seconds, at, killed):
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(seconds,))
    process.start()
    assert resume.was_killed(process, at, tmp_path) == killed


def write_slowly(folder):
    """Writes files one after the other, each for some time under its unfinished name."""
    for number in range(1000):
        path = folder / f"step-{number}.npz.unfinished"
        path.touch()
        time.sleep(0.02)
        path.rename(folder / f"step-{number}.npz")


def test_a_kill_that_waits_for_a_write_falls_into_one(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    process = multiprocessing.get_context("spawn").Process(target=write_slowly, args=(folder,))
    process.start()
    assert resume.was_killed(process, resume.Instant(0.1, within_write=True), tmp_path)
    assert len(list(folder.glob("*.unfinished"))) == 1


def test_a_process_that_fails_is_no_kill(tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=sys.exit, args=(3,))
    process.start()
    with pytest.raises(RuntimeError, match=r"^A process failed with exit code 3\.$"):
        resume.was_killed(process, None, tmp_path)


def test_a_kill_within_a_checkpoints_write_is_told_from_others(tmp_path):
    """Stand-ins for processes leave what these would; the last one ends by itself."""
    folder = tmp_path / "checkpoints"
    left = iter([[], ["step-1.npz.unfinished"], ["step-1.npz"], None])

    def train(instant):
        names = next(left)
        for name in names or ():
            folder.mkdir(exist_ok=True)
            (folder / name).touch()
        return names is not None

    assert resume.kill(tmp_path, [resume.Instant(1.0)] * 4, train) == [
        "before the first checkpoint",
        "within a checkpoint's write",
        "after a checkpoint",
    ]


def test_the_launcher_refuses_an_unknown_name_and_lists_the_known_ones():
    done = subprocess.run(
        [sys.executable, str(LAUNCHERS / "benchmark.py"), "--only=step,stop"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "Error: Unknown benchmark 'stop'. Known: step, epoch_end, pipeline, min_pool, "
        "small_maps, zca, memory, start, confusion, tsne, taxonomy, resume, checkpoint, "
        "determinism, workers, backing_off, serving, showing, help, pytorch.\n"
    )


def test_the_launcher_knows_the_names_without_tensorflow():
    code = "import sys, coarse2fine.benchmarks; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
