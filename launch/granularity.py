"""Measures what fine labels bring to coarse decisions, on your data or as Chen 2018 did.

python launch/granularity.py --workdir=W --dataset=cifar100 --experiment=table8
"""

import common
import config_flags
from absl import flags

_WORKDIR = common.define_workdir("The experiment's folder, one workdir a run. Goes on in it.")
_EXPERIMENT = flags.DEFINE_list(
    "experiment",
    [],
    "Tables and figures of Chen 2018 (table1, figure2, table4 to table8), which set --dataset and "
    "--taxonomy; without it, those flags' own data.",
)
_ONLY = flags.DEFINE_list("only", [], "Of these, the settings to run, by name.")
_TRAINING = flags.DEFINE_bool("training", False, "Also evaluate on all training images.")
_config = config_flags.define_config()


def main() -> None:
    """Reads the flags, trains the runs and prints their table."""
    # The run on coarse labels alone has the layer, so it is the setting's and not the config's.
    config = _config(extra_layer=False)
    from printing import say
    from progress import show_progress

    from coarse2fine.experiments import measure_granularity, select_settings

    settings = select_settings(_EXPERIMENT.value, _ONLY.value, flags.FLAGS.extra_layer)
    callbacks = show_progress(_WORKDIR.value)
    result = measure_granularity(config, _WORKDIR.value, settings, callbacks, _TRAINING.value, say)
    print(result.table())


if __name__ == "__main__":
    common.run(main, goes_on=True)
