"""From files on disk to batches: sources, partition, schedule, pipeline."""

from coarse2fine.data.encoded_source import EncodedSource
from coarse2fine.data.label_noise import noisy_labels
from coarse2fine.data.load import load_source
from coarse2fine.data.partition import Partition, draw_partition
from coarse2fine.data.pipeline import evaluation_batches, select_labels, training_batches
from coarse2fine.data.schedule import Schedule
from coarse2fine.data.source import ArraySource, Source

__all__ = [
    "ArraySource",
    "EncodedSource",
    "Partition",
    "Schedule",
    "Source",
    "draw_partition",
    "evaluation_batches",
    "load_source",
    "noisy_labels",
    "select_labels",
    "training_batches",
]
