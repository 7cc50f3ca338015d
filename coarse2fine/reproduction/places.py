"""Where the data of experiments lie."""

import dataclasses
import pathlib

from coarse2fine.data import Source
from coarse2fine.errors import InputError
from coarse2fine.experiments.latest_splits import LatestSplits
from coarse2fine.training import Config

_TAXONOMY = "taxonomy.json"


@dataclasses.dataclass(frozen=True)
class Places:
    """Where the data of experiments lie.

    Attributes:
        data_dir: of TFDS; None for its default.
        ilsvrc2010: folder of that set's images, `train/<wnid>` and `test/<wnid>`, with the taxonomy
            of Lei 2017 beside them as `taxonomy.json`.
    """

    data_dir: str | None = None
    ilsvrc2010: str | None = None
    _splits: LatestSplits = dataclasses.field(default_factory=LatestSplits, compare=False)

    def located(self, config: Config) -> Config:
        """The config with the place of its images.

        Raises:
            InputError: they are those of ILSVRC2010, and it is not said where.
        """
        if config.dataset.startswith("shapes"):
            return config
        if config.dataset != "folder":
            return config.replace(data_dir=self.data_dir)
        if self.ilsvrc2010 is None:
            raise InputError(
                "The images of ILSVRC2010 are needed: give ilsvrc2010, a folder that holds them as "
                f"train/<wnid>/*.JPEG and test/<wnid>/*.JPEG, and {_TAXONOMY}, which "
                "launch/taxonomy.py --ilsvrc2010=meta.mat writes."
            )
        return config.replace(data_dir=self.ilsvrc2010)

    def load(self, config: Config, split: str) -> Source:
        """A split of a config's data, as `load_split` gives it.

        Raises:
            InputError: it is not there; the message says how to get it.
        """
        located = self.located(config)
        if located.dataset == "folder":
            taxonomy = pathlib.Path(located.data_dir or "", _TAXONOMY)
            located = located.replace(taxonomy=str(taxonomy))
        return self._splits.load(located, split)
