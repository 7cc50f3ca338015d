"""Which images a run trains on, and for how long."""

import dataclasses

import numpy as np

from coarse2fine.data import Partition, Schedule, Source, draw_partition, select_labels
from coarse2fine.data.partition import check_every_class_labelled
from coarse2fine.errors import InputError
from coarse2fine.training.config import Config

_DEFAULT_EPOCHS = 55  # As in the authors' code of Lei 2017.


@dataclasses.dataclass(frozen=True)
class Plan:
    """What follows from a config and a source before the first update.

    Attributes:
        config: with its length as `steps`.
        steps: updates.
        partition: of the source.
        fine_labelled: indices of the images that are trained on with their fine label.
        coarse_only: indices of those that are trained on without.
        schedule: of the two.
    """

    config: Config
    steps: int
    partition: Partition
    fine_labelled: np.ndarray
    coarse_only: np.ndarray
    schedule: Schedule

    @property
    def training_images(self) -> np.ndarray:
        """Indices of all images that are trained on."""
        return np.concatenate([self.fine_labelled, self.coarse_only])


def make_plan(source: Source, config: Config) -> Plan:
    """Draws the partition and the schedule.

    Raises:
        InputError: fractions that cannot be drawn, an oracle without the labels for one, fine
            classes without a fine label, no validation image where the schedule needs one, or a
            batch too small for the ratio.
    """
    partition = draw_partition(
        source.fine,
        source.coarse,
        source.ids,
        config.fine_fraction,
        config.coarse_fraction,
        config.validation_fraction,
        config.seed,
    )
    fine_labelled, coarse_only = select_labels(partition, config.labels)
    _check_labels(source, fine_labelled, config)
    if config.schedule == "plateau" and not len(partition.validation):
        raise InputError(
            f"validation_fraction {config.validation_fraction} of S_fine gives no validation "
            "image, and schedule plateau needs some. Raise it."
        )
    schedule = Schedule(len(fine_labelled), len(coarse_only), config.batch_size, config.seed)
    steps = config.steps or (config.epochs or _DEFAULT_EPOCHS) * schedule.steps_per_epoch
    config = config.replace(epochs=None, steps=steps)
    return Plan(config, steps, partition, fine_labelled, coarse_only, schedule)


def _check_labels(source: Source, fine_labelled: np.ndarray, config: Config) -> None:
    if config.labels == "coarse":
        return
    labels = source.fine[fine_labelled]
    if (labels < 0).any():
        raise InputError(
            f"labels=oracle needs the fine labels of all images, and {(labels < 0).sum()} of "
            f"{config.dataset!r} have none. Train with labels=mixed or labels=fine."
        )
    if not config.allow_unlabelled_classes:
        check_every_class_labelled(labels, source.taxonomy.fine_names)
