"""Says what finer labels are likely to bring, and where; writes WORKDIR/advice.md and a picture.

python launch/advise.py --workdir=W
"""

import pathlib

import common
from absl import flags

_WORKDIR = common.define_workdir("The folder of an evaluated run that was trained on fine labels.")
_RUNS = flags.DEFINE_string(
    "runs", None, "Folder of runs to learn from, at any depth; default the runs beside the workdir."
)
_RESAMPLES = flags.DEFINE_integer(
    "resamples", 1000, "Resampled test sets that the intervals are from.", lower_bound=100
)
_SEED = flags.DEFINE_integer("seed", 0, "Of the resamples.", lower_bound=0)
_PICTURE = flags.DEFINE_bool("picture", True, "Also draw WORKDIR/figures/advice.png.")


def main() -> None:
    """Reads the flags, advises and prints the report."""
    from coarse2fine.evaluation.advice_text import advice_text
    from coarse2fine.experiments import advise, draw_advice

    advice = advise(_WORKDIR.value, _RUNS.value, _RESAMPLES.value, _SEED.value)
    print(advice_text(advice))
    if _PICTURE.value:
        print(f"Wrote {draw_advice(advice, pathlib.Path(_WORKDIR.value))}")


if __name__ == "__main__":
    common.run(main)
