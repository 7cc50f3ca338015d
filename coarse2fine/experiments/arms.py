"""The arms of a comparison, and what they say together."""

import dataclasses
from collections.abc import Sequence

ARMS = {"baseline": "fine", "coarse_to_fine": "mixed", "oracle": "oracle"}


def gap_closed(baseline: float, coarse_to_fine: float, oracle: float) -> float | None:
    """(coarse_to_fine - baseline) / (oracle - baseline); None where there is no gap."""
    if oracle <= baseline:
        return None
    return (coarse_to_fine - baseline) / (oracle - baseline)


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


def cost_of(arms: Sequence[Arm]) -> dict[str, str]:
    """What arms took as it stands in a table, once where that is the same for all of them."""
    costs = {
        "updates": [f"{arm.steps:,}" for arm in arms],
        "images seen": [f"{arm.images_seen:,}" for arm in arms],
        "minutes": [f"{arm.seconds / 60:.1f}" for arm in arms],
    }
    return {
        name: values[0] if len(set(values)) == 1 else " / ".join(values)
        for name, values in costs.items()
    }


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The arms of one partition.

    Attributes:
        match: what is equal between arms, `updates` or `epochs`.
        arms: in the order of `ARMS`.
        views: of each test image, as of `evaluate`.
    """

    match: str
    arms: tuple[Arm, ...]
    views: int = 1

    @property
    def gap_closed(self) -> float | None:
        """(coarse_to_fine - baseline) / (oracle - baseline); None where there is no gap."""
        return gap_closed(*(arm.fine_top1 for arm in self.arms))

    def table(self) -> str:
        """The comparison as a Markdown table."""
        equal = {"updates": "the same number of updates", "epochs": "the same number of epochs"}
        lines = [
            f"Every arm: {equal[self.match]}."
            + (f" {self.views} views of each test image." if self.views > 1 else ""),
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
