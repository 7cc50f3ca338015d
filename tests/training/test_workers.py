"""Two workers: the run of one, whatever stops either of them."""

import dataclasses
import os
import pathlib
import re
import signal
import sys
import threading
import time

import keras
import numpy as np
import pytest

from coarse2fine import local_workers
from coarse2fine.data.pipeline import WHOLE, Slice
from coarse2fine.errors import InputError
from coarse2fine.local_workers import run_workers
from coarse2fine.training import Config, load_run, train
from coarse2fine.training.strategy import make_strategy

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = Config(
    dataset="shapes/2x2",
    width=0.1,
    dropout=0.0,
    fine_fraction=0.3,
    coarse_fraction=0.7,
    batch_size=30,
    steps=20,
    schedule="cosine",
    preprocess="standardize",
    checkpoint_every_steps=1,
)
FLAGS = [
    f"--{field.name}={getattr(CONFIG, field.name)}"
    for field in dataclasses.fields(CONFIG)
    if getattr(CONFIG, field.name) != field.default
]


def train_in_two(workdir, *flags):
    """Trains in two workers; gives the exit code and what each of them prints."""
    lines = {0: [], 1: []}
    command = [sys.executable, str(ROOT / "launch" / "train.py"), f"--workdir={workdir}"]
    code = run_workers(
        [*command, "--strategy=multi_worker", *FLAGS, *flags],
        2,
        lambda index, line: lines[index].append(line),
    )
    return code, {index: "\n".join(each) for index, each in lines.items()}


@pytest.fixture
def send(monkeypatch):
    """Sends a signal to a worker as soon as a run has some checkpoint."""
    started = []

    class Popen(local_workers.subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            started.append(self)

    monkeypatch.setattr(local_workers.subprocess, "Popen", Popen)

    def wait_and_send(workdir, number, index, after):
        before = len(started)

        def wait():
            while not any(
                int(path.stem.removeprefix("step-")) > after
                for path in (workdir / "checkpoints").glob("step-*.npz")
            ):
                time.sleep(0.01)
            started[before + index].send_signal(number)

        threading.Thread(target=wait, daemon=True).start()

    return wait_and_send


def arrays_of(workdir):
    with np.load(workdir / "checkpoints" / "step-20.npz") as file:
        return {name: file[name] for name in file.files if name != "state"}


def flat(model):
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


def metrics_of(run):
    return [{**line, "seconds": None} for line in run.workdir.read_metrics()]


@pytest.fixture(scope="module")
def in_two(tmp_path_factory):
    """The workdir of a run that two workers trained undisturbed."""
    workdir = tmp_path_factory.mktemp("two") / "run"
    code, lines = train_in_two(workdir)
    assert code == 0, lines
    assert re.search(r"^Trained 20 updates in [0-9]+ s: ", lines[0], re.MULTILINE)
    assert "Trained" not in lines[1]  # The chief speaks for all.
    return workdir


@pytest.mark.parametrize("other", ["two workers", "two replicas"])
def test_the_weights_are_those_of_one_replica(in_two, tmp_path, other):
    one = train(CONFIG, tmp_path / "one")
    if other == "two replicas":
        two = train(CONFIG.replace(strategy="mirrored", logical_cpus=2), tmp_path / "two")
        assert two.model.distribute_strategy.num_replicas_in_sync == 2
    else:
        two = load_run(in_two)
    # Together: what a bias learns is a sum of terms that cancel, in another order.
    mine, theirs = flat(one.model), flat(two.model)
    assert np.linalg.norm(mine - theirs) < 1e-5 * np.linalg.norm(mine)
    for mine, theirs in zip(metrics_of(one), metrics_of(two), strict=True):
        assert mine.keys() == theirs.keys()
        for name in mine.keys() - {"seconds"}:
            assert mine[name] == pytest.approx(theirs[name], rel=1e-4), name


def test_stopped_and_killed_workers_go_on_where_they_were(in_two, tmp_path, send):
    workdir = tmp_path / "run"
    send(workdir, signal.SIGTERM, index=1, after=2)
    code, lines = train_in_two(workdir)
    assert code == os.EX_TEMPFAIL
    saved = r"is saved at update ([0-9]+) of 20, and goes on from there with the same command\."
    assert re.search(rf"Stopped by SIGTERM\. .* {saved}", lines[1])
    chief = re.search(rf"Another worker was asked to stop\. .* {saved}", lines[0])
    stopped_at = int(chief[1])
    assert (workdir / "checkpoints" / f"step-{stopped_at}.npz").exists()

    send(workdir, signal.SIGKILL, index=1, after=stopped_at + 2)
    began = time.monotonic()
    code, lines = train_in_two(workdir)
    assert code == 128 + signal.SIGKILL
    assert time.monotonic() - began < 90
    assert "Another worker of this run has ended; its own messages say why. Start all" in lines[0]
    assert not (workdir / "checkpoints" / "step-20.npz").exists()

    code, lines = train_in_two(workdir)
    assert code == 0, lines
    finished, expected = arrays_of(workdir), arrays_of(in_two)
    assert finished.keys() == expected.keys()
    for name, array in expected.items():
        # Of a metric a checkpoint holds the sum over workers, and each goes on from its share.
        rtol = 1e-6 if name.startswith("metrics/") else 0
        np.testing.assert_allclose(finished[name], array, rtol, err_msg=name)


class TestSlice:
    @pytest.mark.parametrize("counts", [(1, 1), (2, 2), (1, 3), (4,)])
    def test_together_they_are_all_parts_batch_by_batch(self, counts):
        total, parts = sum(counts), 3
        firsts = np.cumsum((0, *counts))
        made = [
            [*Slice(int(first), count, total).positions(parts, 2, 4).as_numpy_iterator()]
            for first, count in zip(firsts, counts, strict=False)
        ]
        batch = total * parts
        for number, places in enumerate(made):
            own = counts[number] * parts
            begin = int(firsts[number]) * parts
            expected = [step * batch + begin + place for step in (2, 3) for place in range(own)]
            assert places == expected
        assert sorted(place for places in made for place in places) == [
            *range(2 * batch, 4 * batch)
        ]

    def test_of_one_replica_is_the_whole(self):
        assert [*WHOLE.positions(1, 3, 5).as_numpy_iterator()] == [3, 4]


class TestTfConfig:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            '{"cluster": {"worker": ["a:1"]}}',
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "0"}}',
            '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}}',
        ],
    )
    def test_that_names_no_workers_is_refused(self, monkeypatch, text):
        monkeypatch.setenv("TF_CONFIG", text)
        message = (
            f"strategy multi_worker needs the environment variable TF_CONFIG, and it is {text!r}: "
            'expected {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", '
            '"index": 0}}, the same list for all workers, and to each its own index.'
        )
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            make_strategy("multi_worker")


def test_more_parts_of_a_cpu_in_use_are_refused():
    message = (
        "logical_cpus is 3, and TensorFlow has been in use with 2: the devices of a process can be "
        "chosen before anything else only."
    )
    make_strategy("mirrored")  # It has been in use, now.
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        make_strategy("mirrored", logical_cpus=3)


def test_normalisation_over_all_replicas_is_that_of_one(tmp_path):
    layers = [
        keras.Input((32, 32, 3)),
        keras.layers.Conv2D(16, 3, strides=4, use_bias=False),
        keras.layers.BatchNormalization(momentum=0.5),
    ]
    keras.Sequential([keras.Sequential(layers), keras.layers.ReLU()]).save(tmp_path / "bn.keras")
    config = CONFIG.replace(backbone=str(tmp_path / "bn.keras"), dropout=None, width=1.0, steps=3)
    config = config.replace(preprocess="center", learning_rate=1e-4)
    mirrored = config.replace(strategy="mirrored")
    one = train(config, tmp_path / "one").model.get_weights()
    own = train(mirrored, tmp_path / "own").model.get_weights()
    mirrored = mirrored.replace(synchronized_batch_norm=True)
    together = train(mirrored, tmp_path / "together").model.get_weights()

    def distance(weights):
        return max(np.abs(a - b).max() / np.abs(a).max() for a, b in zip(one, weights, strict=True))

    assert distance(together) < 1e-4 < 1e-3 < distance(own)


def test_normalisation_over_all_replicas_needs_a_network_that_normalises(tmp_path):
    message = (
        "synchronized_batch_norm is given, and backbone 'nin' has no batch normalisation. Leave it "
        "out."
    )
    config = CONFIG.replace(strategy="mirrored", synchronized_batch_norm=True)
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()
