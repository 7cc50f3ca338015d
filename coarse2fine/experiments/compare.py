"""What coarse labels bring: baseline, coarse-to-fine and oracle on one partition."""

import dataclasses
import pathlib
from typing import Any

import keras

from coarse2fine.errors import InputError, check_known
from coarse2fine.evaluation import evaluate
from coarse2fine.files import write_json
from coarse2fine.training import Config, Run, load_split, train
from coarse2fine.training.batch_size import Say, share_batch_size
from coarse2fine.training.config import DEFAULTS
from coarse2fine.training.plan import make_plan
from coarse2fine.training.run import MakeCallbacks
from coarse2fine.training.workdir import Workdir

ARMS = {"baseline": "fine", "coarse_to_fine": "mixed", "oracle": "oracle"}
MATCHES = ("updates", "epochs")


@dataclasses.dataclass(frozen=True)
class Arm:
    """One row of a comparison.

    Attributes:
        name: a key of `ARMS`.
        fine_top1: fine top-1 accuracy on the whole test set, a fraction.
        steps: updates, those of a search before a refit included.
        images_seen: images that went through an update.
        seconds: of training with its validation, as measured.
    """

    name: str
    fine_top1: float
    steps: int
    images_seen: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The arms of one partition.

    Attributes:
        match: what is equal between arms, `updates` or `epochs`.
        arms: in the order of `ARMS`.
    """

    match: str
    arms: tuple[Arm, ...]

    @property
    def gap_closed(self) -> float | None:
        """(coarse_to_fine - baseline) / (oracle - baseline); None where there is no gap."""
        baseline, coarse_to_fine, oracle = (arm.fine_top1 for arm in self.arms)
        if oracle <= baseline:
            return None
        return (coarse_to_fine - baseline) / (oracle - baseline)

    def table(self) -> str:
        """The comparison as a Markdown table."""
        equal = {"updates": "the same number of updates", "epochs": "the same number of epochs"}
        lines = [
            f"Every arm: {equal[self.match]}.",
            "",
            "| arm | fine top-1 | images seen | updates | training time |",
            "|---|---|---|---|---|",
        ]
        for arm in self.arms:
            lines.append(
                f"| {arm.name} | {100 * arm.fine_top1:.2f} % | {arm.images_seen:,} "
                f"| {arm.steps:,} | {arm.seconds:.0f} s |"
            )
        gap = self.gap_closed
        closed = (
            "undefined: the oracle is not ahead of the baseline"
            if gap is None
            else f"{100 * gap:.1f} %"
        )
        return "\n".join([*lines, "", f"Gap closed: {closed}."])


def _cost(run: Run) -> dict[str, Any]:
    """What a run took, its search included."""
    search = Workdir(run.workdir.path / "search")
    last_lines = [metrics[-1] for w in (search, run.workdir) if (metrics := w.read_metrics())]
    return {
        name: sum(line[source] for line in last_lines)
        for name, source in (
            ("steps", "step"),
            ("images_seen", "images_seen"),
            ("seconds", "seconds"),
        )
    }


def _arm_configs(config: Config) -> dict[str, Config]:
    return {
        arm: config
        if labels == "mixed"
        else config.replace(labels=labels, coarse_weight=DEFAULTS["coarse_weight"])
        for arm, labels in ARMS.items()
    }


def compare(
    config: Config,
    workdir: str | pathlib.Path,
    match: str = "updates",
    callbacks: MakeCallbacks = lambda name, steps: (),
    say: Say = lambda line: None,
) -> Comparison:
    """Trains and evaluates the three arms in `workdir/<arm>_<updates>`.

    Finished arms are not run again, so both kinds of `match` in one workdir share what they can.

    Args:
        config: of the coarse_to_fine arm; the others differ in `labels`, and with `match="epochs"`
            in `steps`.
        workdir: of the comparison; `comparison_<match>.json` is written there.
        match: `updates` gives every arm the updates of coarse_to_fine; `epochs` the same passes
            over its own training images, as in Lei 2017.
        callbacks: as of `train`.
        say: likewise. With `batch_size="auto"` all arms have one number, which
            `batch_size.json` in `workdir` keeps.

    Raises:
        InputError: as `train`; and where `labels` is set, which is the arms' own.
    """
    check_known("match", match, MATCHES)
    if config.labels != "mixed":
        raise InputError(f"labels is {config.labels!r}: a comparison sets the labels of its arms.")
    if match == "epochs" and config.steps is not None:
        raise InputError("match=epochs needs epochs; steps would be the same for every arm.")
    home = pathlib.Path(workdir)
    training, test = load_split(config, "train"), load_split(config, "test")
    runs = [(each, training) for each in _arm_configs(config).values()]
    configs = _arm_configs(share_batch_size(config, runs, home, say))
    plans = {arm: make_plan(training, configs[arm]) for arm in ARMS}
    arms = []
    for arm in ARMS:
        steps = plans[arm if match == "epochs" else "coarse_to_fine"].config.steps
        arm_config = configs[arm].replace(epochs=None, steps=steps)
        run = train(arm_config, home / f"{arm}_{steps}", callbacks, training)
        fine_top1 = evaluate(run, source=test)["fine_top1"]
        if fine_top1 is None:
            raise InputError(
                f"The test set of {config.dataset!r} has no fine labels to compare by."
            )
        arms.append(Arm(arm, fine_top1, **_cost(run)))
        keras.backend.clear_session()
    comparison = Comparison(match, tuple(arms))
    write_json(
        home / f"comparison_{match}.json",
        {**dataclasses.asdict(comparison), "gap_closed": comparison.gap_closed},
    )
    return comparison
