"""What all tests share: two logical CPU devices, the folder of real data, flags, signals."""

import gc
import importlib
import os
import pathlib
import signal
import time

import pytest
import tensorflow as tf
from absl import flags

from coarse2fine.training import strategy

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


def pytest_addoption(parser):
    parser.addoption(
        "--fuzz_seconds", type=float, default=8.0, help="For how long the parsers are fuzzed."
    )


@pytest.fixture(scope="session")
def data_dir():
    """The folder of real data sets that tests may read."""
    if "COARSE2FINE_DATA_DIR" not in os.environ:
        pytest.skip("COARSE2FINE_DATA_DIR names no folder of real data")
    return pathlib.Path(os.environ["COARSE2FINE_DATA_DIR"])


@pytest.fixture(autouse=True)
def _python_heeds_ctrl_c():
    """What a shell starts in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _iterators_of_replicas_end_with_their_test():
    """What reads batches for a replica stays as garbage, with a thread that tunes it.

    That thread sleeps for as long as it has lived, up to a minute, and a collection that frees its
    iterator may wait for it: as `data.pipeline` says, which can turn tuning off for all others.
    """
    before = strategy._mirrored.cache_info()
    yield
    if strategy._mirrored.cache_info() != before:
        gc.collect()


@pytest.fixture
def later(monkeypatch):
    """A clock ahead of the files', so that none of them looks as if it had changed just now."""
    now_ns = time.time_ns
    monkeypatch.setattr("time.time_ns", lambda: now_ns() + 10**10)


@pytest.fixture
def launcher_flags(monkeypatch):
    """What imports can define flags, as a launcher does at its start; they are taken away.

    `tensorflow_datasets` defines flags when it is first imported, so it is before.
    """
    importlib.import_module("tensorflow_datasets")
    monkeypatch.syspath_prepend(str(pathlib.Path(__file__).parents[1] / "launch"))
    known = set(flags.FLAGS)

    def clear():
        for flag in set(flags.FLAGS) - known:
            delattr(flags.FLAGS, flag)
        flags.FLAGS.unparse_flags()

    yield clear
    clear()
