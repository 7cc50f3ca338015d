"""Trains baseline, coarse_to_fine and oracle on one partition, and prints what coarse labels bring.

python launch/compare.py --workdir=/tmp/compare --flagfile=launch/presets/shapes.flags
"""

import common
import config_flags
from absl import flags

_WORKDIR = common.define_workdir("The comparison's folder, one workdir an arm. Goes on in it.")
_MATCH = flags.DEFINE_enum(
    "match",
    "updates",
    ["updates", "epochs"],
    "What the arms have in common: updates, or epochs (passes over an arm's own images, as in "
    "Lei 2017).",
)
_config = config_flags.define_config()


def main() -> None:
    """Reads the flags, trains the arms and prints their table."""
    config = _config()
    from progress import say, show_progress

    from coarse2fine.experiments import compare

    print(compare(config, _WORKDIR.value, _MATCH.value, show_progress, say).table())


if __name__ == "__main__":
    common.run(main)
