"""What an experiment needs done: a run, trained and evaluated."""

import dataclasses
import functools
import hashlib
import json
import pathlib

from coarse2fine.errors import InputError
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.training import Config
from coarse2fine.training.workdir import Workdir

# What `train` fills in.
_RESOLVED = {"epochs", "steps"}


def fingerprint_of(config: Config) -> str:
    """Of a config's values that decide its run; those that are the defaults do not count."""
    default = Config()
    values = {name: getattr(config, name) for name in default.differing(config)}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


@dataclasses.dataclass(frozen=True)
class Job:
    """A run, by all that decides it.

    Experiments that need the same run have equal jobs, and it is run once.

    Attributes:
        config: of the run, without the places of its data.
        num_images: training images of its data set.
        is_evaluated: whether on the test images too.
        views: of each of these, as of `evaluate`.
        on_training: whether it is evaluated on the training images too.
    """

    config: Config
    num_images: int
    is_evaluated: bool = True
    views: int = 1
    on_training: bool = False

    @functools.cached_property
    def fingerprint(self) -> str:
        """As of `fingerprint_of`."""
        return fingerprint_of(self.config)

    @property
    def name(self) -> str:
        """Of its folder: what it is about, and the fingerprint."""
        config = self.config
        task = (config.taxonomy or config.dataset).replace("/", "_")
        return f"{task}_{config.backbone}_{config.labels}_{self.fingerprint}"

    @property
    def images_seen(self) -> int:
        """About how many images its updates see, those of a search before a refit too."""
        config = self.config
        if config.steps is not None:
            return config.steps * config.images_per_step
        shares = (config.fine_fraction or 0.0, config.coarse_fraction or 0.0)
        fine, coarse = (share * self.num_images for share in shares)
        in_a_pass = fine * (1 - config.validation_fraction)
        if config.labels != "fine":
            in_a_pass += coarse
        # A refit replays the updates of its search.
        return round((config.epochs or 0) * in_a_pass * (2 if config.refit else 1))

    def is_finished(self, folder: pathlib.Path) -> bool:
        """Whether the folder holds the run, and all that is asked of it.

        A run that is not to be read is not finished: training in its folder says why.
        """
        home = Workdir(folder)
        try:
            found, metrics = home.read_config(), home.read_metrics()
            is_trained = bool(metrics) and metrics[-1]["step"] == found.steps
        except InputError:
            return False
        if not is_trained or {*found.differing(self.config)} - _RESOLVED:
            return False
        return not self.is_evaluated or self._is_evaluated(home)

    def _is_evaluated(self, home: Workdir) -> bool:
        if not home.report_file.is_file():
            return False
        try:
            run = EvaluatedRun.load(home.path)
        except InputError:  # Made anew from the checkpoint.
            return False
        has_training = run.training_accuracy is not None
        is_whole = run.report["views"] == self.views and run.checkpoint == "newest"
        return is_whole and (has_training or not self.on_training)
