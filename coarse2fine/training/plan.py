"""Which images a run trains on, and for how long."""

import dataclasses

import numpy as np

from coarse2fine.data import (
    Partition,
    Schedule,
    Source,
    draw_partition,
    noisy_labels,
    select_labels,
)
from coarse2fine.data.partition import check_every_class_labelled
from coarse2fine.data.schedule import steps_of_a_pass
from coarse2fine.errors import InputError
from coarse2fine.training.config import Config

_DEFAULT_EPOCHS = 55  # As in the authors' code of Lei 2017.


@dataclasses.dataclass(frozen=True)
class Plan:
    """What follows from a config and a source before the first update.

    Attributes:
        config: with its length as `steps`.
        steps: updates.
        source: the images, with the fine labels that the run may use: noisy where the config says
            so, and -1 for the images that are trained on without.
        partition: of the source.
        fine_labelled: indices of the images that are trained on with their fine label.
        coarse_only: indices of those that are trained on without.
        schedule: of the two.
        fine_labels_changed: how many of the images that are trained on with their fine label have
            another one than the source gave.
    """

    config: Config
    steps: int
    source: Source
    partition: Partition
    fine_labelled: np.ndarray
    coarse_only: np.ndarray
    schedule: Schedule
    fine_labels_changed: int

    @property
    def training_images(self) -> np.ndarray:
        """Indices of all images that are trained on."""
        return np.concatenate([self.fine_labelled, self.coarse_only])


def make_plan(source: Source, config: Config) -> Plan:
    """Draws the partition, the noise and the schedule.

    The partition is drawn from the labels that the source gives, so that noise changes nobody's
    part. The number of updates is that of the whole set, whatever share of it is used: fewer images
    make more passes.

    Raises:
        InputError: a budget, of which `train` makes a number of steps before; fractions that cannot
            be drawn, an oracle without the labels for one, fine classes without a fine label, no
            validation image where the schedule needs one, or a batch too small for the ratio.
    """
    if config.budget is not None:
        raise InputError(
            f"budget is {config.budget}, expected epochs or steps here: `train` makes a number of "
            "steps of it, and the config of the run that it returns has them."
        )
    partition = _draw_partition(source, config, config.data_fraction)
    fine_labelled, coarse_only = select_labels(partition, config.labels)
    usable = source.with_fine(_usable_labels(source, coarse_only, config))
    _check_labels(usable, fine_labelled, config)
    if config.schedule == "plateau" and not len(partition.validation):
        raise InputError(
            f"validation_fraction {config.validation_fraction} of S_fine gives no validation "
            "image, and schedule plateau needs some. Raise it."
        )
    num_images = len(fine_labelled) + len(coarse_only)
    epochs = config.epochs or _DEFAULT_EPOCHS
    steps = config.steps or epochs * _whole_steps_per_epoch(source, config, num_images)
    schedule = Schedule(
        len(fine_labelled),
        len(coarse_only),
        config.images_per_step,
        config.seed,
        config.coarse_share,
        config.final_coarse_share,
        last_place=steps * config.images_per_step,
    )
    return Plan(
        config=config.replace(epochs=None, steps=steps),
        steps=steps,
        source=usable,
        partition=partition,
        fine_labelled=fine_labelled,
        coarse_only=coarse_only,
        schedule=schedule,
        fine_labels_changed=int((usable.fine != source.fine)[fine_labelled].sum()),
    )


def _draw_partition(source: Source, config: Config, data_fraction: float) -> Partition:
    return draw_partition(
        source.fine,
        source.coarse,
        source.ids,
        config.fine_fraction,
        config.coarse_fraction,
        config.validation_fraction,
        config.seed,
        data_fraction,
    )


def _whole_steps_per_epoch(source: Source, config: Config, num_images: int) -> int:
    """With all data, where a share of it has `num_images` to train on."""
    if config.data_fraction < 1:
        partition = _draw_partition(source, config, data_fraction=1.0)
        num_images = sum(map(len, select_labels(partition, config.labels)))
    return steps_of_a_pass(num_images, config.images_per_step)


def _usable_labels(source: Source, coarse_only: np.ndarray, config: Config) -> np.ndarray:
    labels = source.fine.copy()
    if config.fine_label_noise:
        labels = noisy_labels(
            labels, source.ids, source.taxonomy, config.fine_label_noise, config.seed
        )
    labels[coarse_only] = -1
    return labels


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
