"""Which images are loaded anew."""

import numpy as np

from coarse2fine.experiments.latest_splits import LatestSplits
from coarse2fine.training import Config, load_split
from coarse2fine.training.run import data_key

CONFIG = Config(dataset="shapes/2x2")


class Asked:
    """A config that notes which of its values are asked for."""

    def __init__(self, config):
        self.names = set()
        self.config = config

    def __getattr__(self, name):
        self.names.add(name)
        return getattr(self.config, name)


def test_the_key_names_all_that_loading_reads():
    loading, key = Asked(CONFIG), Asked(CONFIG)
    load_split(loading, "test")
    data_key(key)
    assert key.names == loading.names
    assert {"dataset", "seed"} < key.names


def test_the_same_data_are_loaded_once():
    splits = LatestSplits()
    first = splits.load(CONFIG, "test")
    assert splits.load(CONFIG.replace(steps=7, labels="fine"), "test") is first
    assert len(splits.load(CONFIG, "train")) == 2 * len(first)
    assert splits.load(CONFIG, "test") is first


def test_other_data_are_loaded_anew():
    splits = LatestSplits()
    first, other = (splits.load(CONFIG.replace(seed=seed), "test") for seed in (0, 1))
    pixels = [next(source.chunks(np.arange(4))) for source in (first, other)]
    assert (pixels[0] != pixels[1]).any()
    np.testing.assert_array_equal(next(splits.load(CONFIG, "test").chunks(np.arange(4))), pixels[0])
