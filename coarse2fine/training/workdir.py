"""One run's folder."""

import contextlib
import dataclasses
import json
import math
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from coarse2fine.data import EncodedSource, Partition, Source
from coarse2fine.errors import InputError, check_path
from coarse2fine.files import (
    UNFINISHED,
    make_folder,
    read_arrays,
    read_json,
    write_arrays,
    write_json,
)
from coarse2fine.taxonomy import Taxonomy, read_taxonomy, write_taxonomy
from coarse2fine.training.config import Config
from coarse2fine.training.lock import LOCK_FILE, locked

# What `claim` and what comes before it leave where they are cut off: these, whole or unfinished.
_CLAIMED = (LOCK_FILE, "taxonomy.json", "partition.npz", "data.json", "config.json")

# Of a workdir's files; another one when runs of before cannot go on.
_FORMAT = 4
_DATA = (
    "format",
    "image_shape",
    "view",
    "images",
    "dropped",
    "fine_labels_changed",
    "fingerprint",
)
# What the metrics of every epoch have; the others are its run's, and may be NaN.
_METRICS = ("epoch", "step", "images_seen", "seconds")


@dataclasses.dataclass(frozen=True)
class Workdir:
    """The files of a run and what they hold.

    Args:
        path: the folder.

    Raises:
        InputError: no folder can have this name.
    """

    path: pathlib.Path

    def __post_init__(self) -> None:
        check_path("Workdir", self.path)

    @property
    def config_file(self) -> pathlib.Path:
        """The resolved config."""
        return self.path / "config.json"

    @property
    def _taxonomy_file(self) -> pathlib.Path:
        return self.path / "taxonomy.json"

    @property
    def _partition_file(self) -> pathlib.Path:
        return self.path / "partition.npz"

    @property
    def _data_file(self) -> pathlib.Path:
        return self.path / "data.json"

    @property
    def checkpoints(self) -> pathlib.Path:
        """The folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def events(self) -> pathlib.Path:
        """The folder of TensorBoard events."""
        return self.path / "events"

    @property
    def metrics_file(self) -> pathlib.Path:
        """One JSON line an epoch."""
        return self.path / "metrics.jsonl"

    @property
    def report_file(self) -> pathlib.Path:
        """The evaluation on the test set."""
        return self.path / "report.json"

    def bad_images_file(self, worker: int = 0) -> pathlib.Path:
        """The images that a worker could not decode in training, and those shown in their place."""
        return self.path / f"bad_images{f'_{worker}' if worker else ''}.jsonl"

    @property
    def decisions_file(self) -> pathlib.Path:
        """What the evaluation decided on each test image."""
        return self.path / "decisions.npz"

    @property
    def calibration_file(self) -> pathlib.Path:
        """What the evaluation promises about error rates."""
        return self.path / "calibration.json"

    @property
    def filters_file(self) -> pathlib.Path:
        """The filters that a network took from its training images."""
        return self.path / "filters.npz"

    @property
    def preprocessing_file(self) -> pathlib.Path:
        """The statistics of the preprocessing."""
        return self.path / "preprocessing.npz"

    @property
    def backbone_file(self) -> pathlib.Path:
        """What the run keeps of the file that its network or first weights are from."""
        return self.path / "backbone.json"

    def claim(
        self, config: Config, source: Source, partition: Partition, fine_labels_changed: int = 0
    ) -> None:
        """Makes the folder this run's own, or checks that it is.

        Args:
            config: of the run, resolved.
            source: of the images, as its data set gives it.
            partition: of the source.
            fine_labels_changed: how many fine labels trained on are not those that were given.

        Raises:
            InputError: the folder holds another run, or files that are no run's; or it cannot be
                written.
        """
        if self.config_file.exists():
            self._check_same(config, source, partition)
            return
        self._make()
        write_taxonomy(source.taxonomy, self._taxonomy_file)
        write_arrays(self._partition_file, partition.ids(source.ids))
        write_json(
            self._data_file,
            {
                "format": _FORMAT,
                "image_shape": source.image_shape,
                "view": _view_of(source),
                "images": partition.counts,
                "dropped": source.dropped,
                "fine_labels_changed": fine_labels_changed,
                "fingerprint": source.fingerprint(),
            },
        )
        config.save(self.config_file)  # Last: a folder with a config has all the rest.

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Makes the folder where it is missing, and keeps other processes from training in it.

        Raises:
            InputError: another process trains in it, or it holds files that are no run's.
        """
        if not self.config_file.exists():
            self._make()
        with locked(self.path):
            yield

    def _make(self) -> None:
        """Makes the folder; raises `InputError` where it holds what no run begins with."""
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path} is a file, expected a folder.")
        names = os.listdir(self.path) if self.path.exists() else []
        if {name.removesuffix(UNFINISHED) for name in names} - {*_CLAIMED}:
            raise InputError(
                f"{self.path} is no workdir: it holds files but no config.json. Use another one."
            )
        make_folder(self.path)

    def _check_same(self, config: Config, source: Source, partition: Partition) -> None:
        is_changed = self._check_config(config)
        source.taxonomy.check_same(self.read_taxonomy().fingerprint, f"The run in {self.path}")
        self.check_same_images(source, partition)
        if is_changed:
            config.save(self.config_file)

    def check_same_images(self, source: Source, partition: Partition) -> None:
        """Raises `InputError` unless the run that is here has this source and partition."""
        parts = partition.ids(source.ids)
        saved = read_arrays(self._partition_file, parts)
        if self.read_data()["fingerprint"] != source.fingerprint() or any(
            not np.array_equal(saved[part], parts[part]) for part in parts
        ):
            raise InputError(
                f"{self.path} holds a run on other images: its data set or partition is not what "
                "this data set gives. Use another workdir."
            )

    def _check_config(self, config: Config) -> bool:
        """Whether the run is to go on otherwise than it began, as it may.

        It may have more updates, unless a share that changes up to the last one would have been
        another one so far; and may from now on skip the bad images, the first of which has
        stopped it; nothing else may differ.
        """
        saved = self.read_config()
        changes: dict[str, Any] = {}
        may_go_on = not saved.refit and saved.final_coarse_share is None
        if may_go_on and (config.steps or 0) > (saved.steps or 0):
            changes["steps"] = config.steps
        if config.skip_bad_images and not saved.skip_bad_images:
            changes["skip_bad_images"] = True
        differences = saved.replace(**changes).differences(config)
        if differences:
            raise InputError(
                f"{self.path} holds another run ({'; '.join(differences)}). Use another workdir, "
                "or the values of that run."
            )
        return bool(changes)

    def read_config(self) -> Config:
        """The resolved config of the run that is here.

        Raises:
            InputError: there is none; or it is another version's.
        """
        if not self.config_file.is_file():
            raise InputError(f"{self.path} holds no run: there is no {self.config_file}.")
        self._check_format()  # First: another version's config may have other fields.
        return Config.load(self.config_file)

    def read_taxonomy(self) -> Taxonomy:
        """The taxonomy of the run that is here."""
        return read_taxonomy(self._taxonomy_file)

    def read_image_shape(self) -> tuple[int, ...]:
        """`(height, width, channels)` of the run's images."""
        return tuple(self.read_data()["image_shape"])

    def read_data(self) -> dict[str, Any]:
        """What the run's training data are.

        Returns:
            `image_shape`; `view`, of image files, what evaluation shows of them; `images`, the
            number of each part; `dropped`, the number left out of each class of the data set that
            the taxonomy does not name; `fine_labels_changed`, how many fine labels trained on are
            not those that the data set gave; a `fingerprint`; and the `format` of the workdir.

        Raises:
            InputError: the run is another version's.
        """
        self._check_format()
        return read_json(self._data_file, _DATA)

    def _check_format(self) -> None:
        found = read_json(self._data_file, ["format"])["format"]
        if found != _FORMAT:
            raise InputError(
                f"{self.path} holds a run in format {found}, expected {_FORMAT}: another version "
                "made it. Use that version, or another workdir."
            )

    def read_metrics(self) -> list[dict[str, float]]:
        """The metrics of each epoch so far.

        Returns:
            Of each epoch its number, from 1, as `epoch`; what is behind it: `step` updates,
            `images_seen` and `seconds`; and metrics by their names, which may be NaN.

        Raises:
            InputError: a line that is damaged.
        """
        if not self.metrics_file.exists():
            return []
        lines = self.metrics_file.read_bytes().splitlines(keepends=True)
        # A line that was cut off is of an epoch without a checkpoint.
        return [
            self._parse_metrics(line, number)
            for number, line in enumerate(lines, start=1)
            if line.endswith(b"\n")
        ]

    def _parse_metrics(self, line: bytes, number: int) -> dict[str, float]:
        try:
            metrics = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            metrics = None
        if expected := _lacking(metrics):
            raise InputError(
                f"{self.metrics_file}, line {number} is damaged: expected {expected}. Restore the "
                "line, or remove it."
            )
        return metrics


def _lacking(metrics: Any) -> str | None:
    """What is expected of an epoch's metrics where these are none."""
    if not isinstance(metrics, dict):
        return "the metrics of an epoch, a JSON object"
    for name in (*_METRICS, *metrics):
        value: Any = metrics.get(name)
        must_be_finite = name in _METRICS
        if not _is_number(value) or (must_be_finite and not math.isfinite(value)):
            return f"a {'finite ' if must_be_finite else ''}number as {name!r}"
    return None


def _is_number(value: Any) -> bool:
    """Whether it is a number that a float can hold."""
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return isinstance(value, float)


def _view_of(source: Source) -> dict[str, int] | None:
    return dataclasses.asdict(source.view) if isinstance(source, EncodedSource) else None
