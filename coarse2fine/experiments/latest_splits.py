"""Images that one run after the other is made on, loaded once."""

from typing import Any

from coarse2fine.data import Source
from coarse2fine.training import Config, load_split
from coarse2fine.training.run import data_key


class LatestSplits:
    """The splits of a data set, loaded anew where a config asks for other data than the last one.

    Those of one data set are kept at a time, so that memory does not grow with the settings of an
    experiment.
    """

    def __init__(self) -> None:
        self._key: tuple[Any, ...] = ()
        self._splits: dict[str, Source] = {}

    def load(self, config: Config, split: str) -> Source:
        """What `load_split` gives.

        Args:
            config: names the data set.
            split: `train` or `test`.
        """
        if data_key(config) != self._key:
            self._key, self._splits = data_key(config), {}
        if split not in self._splits:
            self._splits[split] = load_split(config, split)
        return self._splits[split]
