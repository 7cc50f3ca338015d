"""Trains one classifier from mixed fine and coarse labels.

python launch/train.py --workdir=/tmp/run --dataset=shapes
"""

import common
import config_flags

_WORKDIR = common.define_workdir("The run's folder. An unfinished run in it goes on.")
_config = config_flags.define_config()


def main() -> None:
    """Reads the flags and trains."""
    config = _config()
    from printing import say
    from progress import show_progress

    from coarse2fine.training import is_chief, train

    run = train(config, _WORKDIR.value, show_progress(_WORKDIR.value), say=say)
    if not is_chief(config):
        return
    if config.fine_label_noise:
        changed = run.workdir.read_data()["fine_labels_changed"]
        print(f"Fine labels trained on that noise changed: {changed}.")
    last = run.workdir.read_metrics()[-1]
    print(f"Trained {last['step']} updates in {last['seconds']:.0f} s: {run.workdir.path}")


if __name__ == "__main__":
    common.run(main, goes_on=True)
