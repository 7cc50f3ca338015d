"""Exports a run as a SavedModel that serves both levels.

python launch/export.py --workdir=/tmp/run --output=/tmp/model
"""

import common
from absl import flags

_WORKDIR = common.define_workdir("The run's folder.")
_OUTPUT = flags.DEFINE_string("output", None, "The SavedModel's folder, a new one.", required=True)
_CHECKPOINT = common.define_checkpoint()


def main() -> None:
    """Reads the flags and exports."""
    from printing import say

    from coarse2fine.export import export
    from coarse2fine.training import load_run

    export(load_run(_WORKDIR.value, _CHECKPOINT.value), _OUTPUT.value, say)
    print(f"Exported to {_OUTPUT.value}")


if __name__ == "__main__":
    common.run(main)
