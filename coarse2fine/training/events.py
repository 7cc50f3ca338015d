"""TensorBoard's events of a run that goes on."""

import contextlib
import hashlib
import logging
import os
import pathlib
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event

from coarse2fine.errors import InputError, reason_of
from coarse2fine.files import sync_path

_logger = logging.getLogger(__name__)

_FILES = "events.out.tfevents.*"
# Names have the time after this, so that what was merged comes first, whatever a clock did.
_MERGED = "events.out.tfevents.0000000000"


def read_events(path: pathlib.Path) -> Iterator[Event]:
    """The events of a file, up to one that was cut off; those behind damage are warned of."""
    step = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = Event.FromString(record)
            step = event.step
            yield event
    except (tf.errors.DataLossError, DecodeError) as error:
        if "truncated" not in str(error):
            _logger.warning(
                "%s is damaged behind an event of update %d: what follows is left out.", path, step
            )


@contextlib.contextmanager
def writing_events(folder: pathlib.Path) -> Iterator[None]:
    """What is inside writes events: where it cannot, `InputError` names the folder."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise InputError(f"{folder} cannot be written: {reason_of(error)}.") from error


def sync_events(folder: pathlib.Path) -> None:
    """Returns when what was written outlives a loss of power.

    Raises:
        InputError: the system cannot say so.
    """
    with writing_events(folder):
        for run in folder.iterdir():
            for path in (*run.glob(_FILES), run):
                sync_path(path)


def remove_events_after(folder: pathlib.Path, step: int) -> None:
    """Takes out the events of updates that a run makes again, and what a crash left unfinished.

    Args:
        folder: of the events, a folder each for training, validation and the like.
        step: the last update whose events stay; -1 for none.

    Raises:
        InputError: the files cannot be written.
    """
    with writing_events(folder):
        for run in sorted(folder.iterdir()) if folder.is_dir() else ():
            _remove_after(sorted(run.glob(_FILES)), step)


def _remove_after(paths: list[pathlib.Path], step: int) -> None:
    if not paths:
        return
    unfinished, merged = (paths[0].with_name(name) for name in ("unfinished", _MERGED))
    unfinished.unlink(missing_ok=True)  # If it is a link, that is not followed.
    with tf.io.TFRecordWriter(str(unfinished)) as writer:
        for record in _records(paths, step):
            writer.write(record)
    sync_path(unfinished)
    # All of the events are in the one file before another goes. A crash between the two leaves
    # some in both, which `_records` notices the next time.
    os.replace(unfinished, merged)
    for path in paths:
        if path != merged:
            path.unlink()


def _records(paths: list[pathlib.Path], step: int) -> Iterator[bytes]:
    """The events up to `step`, each once, by their updates; before them the format's, once."""
    seen, kept = set(), []
    for path in paths:
        for event in read_events(path):
            record = event.SerializeToString(deterministic=True)
            digest = hashlib.sha256(record).digest()
            if digest not in seen and (event.file_version or event.step <= step):
                seen.add(digest)
                kept.append((not event.file_version, event.step, record))
    # A clock that went back gave files of later updates names that sort before.
    kept.sort(key=lambda item: item[:2])
    for number, (has_values, _, record) in enumerate(kept):
        if has_values or number == 0:
            yield record
