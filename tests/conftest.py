"""What all tests share: two logical CPU devices, and the folder of real data."""

import os
import pathlib

import pytest
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(scope="session")
def data_dir():
    """The folder of real data sets that tests may read."""
    if "COARSE2FINE_DATA_DIR" not in os.environ:
        pytest.skip("COARSE2FINE_DATA_DIR names no folder of real data")
    return pathlib.Path(os.environ["COARSE2FINE_DATA_DIR"])
