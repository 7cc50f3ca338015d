"""What backing off promises, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from coarse2fine.evaluation.backing_off import MISS

_PROBABILITY = f"a probability of {1 - MISS:g} over validation sets"


def promise_text(backing_off: Mapping[str, Any]) -> str:
    """What is promised of the images that are named, what that assumes, and why it is nothing.

    Args:
        backing_off: as `report_on_backing_off` gives it.
    """
    num_images, chose = backing_off["num_validation_images"], backing_off["validation_chose"]
    if backing_off["threshold"] is None:
        lowest = backing_off["lowest_error"]
        below = "" if lowest is None else f" below {_percent(lowest)}"
        text = (
            f"Nothing is named: with {num_images:,} validation images no error rate{below} can be "
            f"promised with {_PROBABILITY}."
        )
        return f"{text} Nor is any: {chosen_text(chose)}." if chose else text
    error = _percent(backing_off["error"])
    drawn = f"images to come are drawn independently, as the {num_images:,} validation images were"
    if chose:
        return (
            f"No error rate is promised: {chosen_text(chose)}. Had they not, then with "
            f"{_PROBABILITY} at most {error} of what is named would be wrong, if {drawn}."
        )
    return (
        f"With {_PROBABILITY} at most {error} of what is named is wrong, if {drawn}. Those chose "
        "nothing in this run; where they chose its settings, nothing is promised."
    )


def chosen_text(validation_chose: Sequence[str]) -> str:
    """That validation images chose these: as of `BackingOff`, one or more."""
    return f"validation images chose the {' and the '.join(validation_chose)}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
