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
_VIEWS = flags.DEFINE_enum(
    "views", "1", ["1", "2", "10"], "Views of each test image: as of launch/evaluate.py."
)
_EXPERIMENT = flags.DEFINE_list(
    "experiment",
    [],
    "Tables of Lei 2017 (table1 to table5), which set --backbone and the two fractions; without "
    "it, one comparison as those flags say.",
)
_ONLY = flags.DEFINE_list(
    "only", [], "Of these, the settings to run, by name (nin_imagenet/0.1+0.5) or by network."
)
_SEEDS = common.define_integers(
    "seeds", "Seeds, each a comparison of its own, in place of --seed; with their mean and range."
)
_config = config_flags.define_config()


def main() -> None:
    """Reads the flags, trains the arms and prints their table."""
    config = _config()
    from printing import say
    from progress import show_progress

    from coarse2fine.experiments import compare_settings, lei2017, with_seeds

    settings = with_seeds(lei2017.select_settings(_EXPERIMENT.value, _ONLY.value), _SEEDS())
    result = compare_settings(
        config,
        _WORKDIR.value,
        settings,
        _MATCH.value,
        show_progress(_WORKDIR.value),
        int(_VIEWS.value),
        say,
    )
    print(
        result.table() if len(settings) > 1 or _EXPERIMENT.value else result.comparisons[0].table()
    )


if __name__ == "__main__":
    common.run(main, goes_on=True)
