"""Makes tables and figures of Lei 2017 and Chen 2018, and the runs that they need.

python launch/reproduce.py --experiment=lei2017_table1 --scale=smoke --workdir=W
"""

import common
from absl import flags

_WORKDIR = common.define_workdir("The experiments' folder, of one scale. Goes on in it.")
_EXPERIMENT = flags.DEFINE_list(
    "experiment", [], "Names of experiments, or all; --list shows them."
)
_SCALE = flags.DEFINE_enum(
    "scale",
    "smoke",
    ["smoke", "quick", "paper"],
    "smoke: built-in images, tiny networks; quick: the papers' images, fewer passes and "
    "most networks narrower; paper: as published.",
)
_SEEDS = common.define_integers("seeds", "Seeds that each run is made with; default 0.")
_WITH_NCM = flags.DEFINE_bool(
    "with_ncm", False, "With comparisons: also nearest class means on the baseline's features."
)
_RUN = flags.DEFINE_bool(
    "run", True, "Run what is missing; with --norun the tables show what there is."
)
_LIST = flags.DEFINE_bool("list", False, "Show the experiments and what they cost; run nothing.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the sets of TFDS were prepared.")
_ILSVRC2010 = flags.DEFINE_string(
    "ilsvrc2010", None, "Folder of its images, train/<wnid> and test/<wnid>, with taxonomy.json."
)


def _check_list_alone() -> None:
    from coarse2fine.errors import InputError

    for flag in (_RUN, _DATA_DIR, _ILSVRC2010):
        if flag.present:
            raise InputError(f"--{flag.name} does not go with --list, which runs nothing.")


def main() -> None:
    """Reads the flags, makes what is asked for and prints it."""
    from printing import say, show_share
    from progress import show_progress

    from coarse2fine.reproduction import (
        Asked,
        Places,
        check_complete,
        list_experiments,
        reproduce,
    )

    asked = Asked(_SCALE.value, tuple(_SEEDS()) or (0,), _WITH_NCM.value)
    if _LIST.value:
        _check_list_alone()
        names = _EXPERIMENT.value or ["all"]
        print(list_experiments(names, _WORKDIR.value, asked, say).markdown())
        return
    made = reproduce(
        _EXPERIMENT.value,
        _WORKDIR.value,
        asked,
        Places(_DATA_DIR.value, _ILSVRC2010.value),
        show_progress(f"{_WORKDIR.value}/runs"),
        say,
        show_share("t-SNE"),
        _RUN.value,
    )
    for one in made:
        print(
            "\n".join(["", f"# {one.experiment.name}", "", *([one.text, ""] if one.text else [])])
        )
        print("\n".join(f"Wrote {path}" for path in one.files))
    check_complete(made)


if __name__ == "__main__":
    common.run(main, goes_on=True)
