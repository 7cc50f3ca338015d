"""A disk that is full at any file: one message, and a run that goes on once there is room."""

import json
import subprocess
import sys

# With the tests of runs: a small one, and what it is compared by. The system refuses to write
# behind so many bytes of a file: the partition's, those of events, a checkpoint's; and at last
# those of events that a run that goes on puts in order.
SCRIPT = """
import contextlib, json, pathlib, resource, signal, sys

from test_interruption import Signal
from test_run import assert_same_run, make_config, make_source

from coarse2fine.errors import InputError, Interrupted
from coarse2fine.training import train

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # The call fails in place of the process.
folder = pathlib.Path(sys.argv[1])
config = make_config(checkpoint_every_steps=None)
most = resource.getrlimit(resource.RLIMIT_FSIZE)


def message(limit, home):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most[1]))
    try:
        train(config, home, source=make_source())
    except InputError as error:
        return str(error).replace(str(home), "HOME")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)


whole = train(config, folder / "whole", source=make_source())
messages = []
for limit in (1_000, 3_000, 16_000):
    home = folder / str(limit)
    messages.append(message(limit, home))
    assert_same_run(whole, train(config, home, source=make_source()))

with contextlib.suppress(Interrupted):
    train(config, folder / "cut", lambda *_: [Signal(signal.SIGTERM, 25)], make_source())
messages.append(message(3_000, folder / "cut"))
assert_same_run(whole, train(config, folder / "cut", source=make_source()))
print(json.dumps(messages))
"""


def test_a_full_disk_ends_in_a_message_and_the_run_goes_on_when_there_is_room(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=__file__.rpartition("/")[0],
    )
    assert done.returncode == 0, done.stderr[-4000:]
    begin, events, checkpoint, again = json.loads(done.stdout.splitlines()[-1])
    assert begin == "HOME/partition.npz cannot be written: File too large."
    assert events.startswith("HOME/events cannot be written: ")
    assert "File too large" in events
    assert checkpoint == "HOME/checkpoints/best.npz cannot be written: File too large."
    assert again.startswith("HOME/events cannot be written: ")
    assert "File too large" in again
