"""Writes one HTML file that shows a run, or the runs in a folder side by side.

python launch/report.py --workdir=/tmp/run
"""

import common
from absl import flags

_WORKDIR = common.define_workdir("A run's folder, or a folder of workdirs.")
_OUTPUT = flags.DEFINE_string("output", None, "The file; default WORKDIR/report.html.")
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Of one run: of its test images, where they have moved."
)


def main() -> None:
    """Reads the flags, writes the page and names it."""
    from coarse2fine.experiments import write_page

    print(f"Wrote {write_page(_WORKDIR.value, _OUTPUT.value, _DATA_DIR.value)}")


if __name__ == "__main__":
    common.run(main)
