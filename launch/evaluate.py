"""Evaluates a run on its whole test set; writes WORKDIR/report.json.

python launch/evaluate.py --workdir=/tmp/run
"""

import json
import sys

import common
from absl import flags

_WORKDIR = common.define_workdir("The run's folder.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Of the data, where it has moved.")
_CACHE_DIR = flags.DEFINE_string("cache_dir", None, "Of the data's cache, where it has moved.")
_TRAINING = flags.DEFINE_bool(
    "training", False, "Also evaluate on all images that the run was trained on."
)
_VIEWS = flags.DEFINE_enum(
    "views",
    "1",
    ["1", "2", "10"],
    "Views of each image: 1; 2, mirrored too; or 10, crops of corners and middle, mirrored too.",
)
_ERROR = flags.DEFINE_float(
    "error",
    None,
    "An error rate to keep below: calibrates on the run's validation images, and names the fine "
    "class where that is sure enough, else the coarse class, else nothing.",
)
_CHECKPOINT = common.define_checkpoint()


def main() -> None:
    """Reads the flags, evaluates and prints the report, and what it promises on stderr."""
    from coarse2fine.evaluation import evaluate
    from coarse2fine.evaluation.promise_text import promise_text
    from coarse2fine.training import load_run

    report = evaluate(
        load_run(_WORKDIR.value, _CHECKPOINT.value),
        _DATA_DIR.value,
        training=_TRAINING.value,
        views=int(_VIEWS.value),
        cache_dir=_CACHE_DIR.value,
        error=_ERROR.value,
    )
    print(json.dumps(report, indent=1))
    if report["backing_off"] is not None:
        print(promise_text(report["backing_off"]), file=sys.stderr)


if __name__ == "__main__":
    common.run(main)
