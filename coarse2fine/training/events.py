"""TensorBoard's events of a run that goes on."""

import hashlib
import os
import pathlib
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event

from coarse2fine.errors import InputError


def read_events(path: pathlib.Path) -> Iterator[Event]:
    """The events of a file, up to one that was cut off or is damaged."""
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            yield Event.FromString(record)
    except (tf.errors.DataLossError, DecodeError):
        return


def remove_events_after(folder: pathlib.Path, step: int) -> None:
    """Takes out the events of updates that a run makes again, and what a crash left unfinished.

    Args:
        folder: of the events, a folder each for training, validation and the like.
        step: the last update whose events stay.

    Raises:
        InputError: the files cannot be written.
    """
    try:
        for run in sorted(folder.iterdir()) if folder.is_dir() else ():
            _remove_after(sorted(run.glob("events.out.tfevents.*")), step)
    except (OSError, tf.errors.OpError) as error:
        raise InputError(f"{folder} cannot be written: {error}.") from error


def _remove_after(paths: list[pathlib.Path], step: int) -> None:
    if not paths:
        return
    unfinished = paths[0].with_name("unfinished")
    unfinished.unlink(missing_ok=True)  # If it is a link, that is not followed.
    seen = set()
    with tf.io.TFRecordWriter(str(unfinished)) as writer:
        for number, path in enumerate(paths):
            for event in read_events(path):
                record = event.SerializeToString(deterministic=True)
                digest = hashlib.sha256(record).digest()
                is_first = digest not in seen and (number == 0 or not event.file_version)
                if is_first and event.step <= step:
                    seen.add(digest)
                    writer.write(record)
    # All of the events are in the one file before another goes. A crash between the two leaves
    # some in both, which `seen` notices the next time.
    os.replace(unfinished, paths[0])
    for path in paths[1:]:
        path.unlink()
