"""What backing off promises, and what not, in words."""

import pytest

from coarse2fine.evaluation.promise_text import promise_text

FOUND = {
    "error": 0.1,
    "threshold": 0.7,
    "lowest_error": 0.052,
    "num_validation_images": 1600,
    "validation_chose": [],
}
NONE = {"threshold": None, "lowest_error": 0.3125, "num_validation_images": 80}
BOTH = ["learning rates", "checkpoint"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {},
            "With a probability of 0.9 over validation sets at most 10 % of what is named is "
            "wrong, if images to come are drawn independently, as the 1,600 validation images "
            "were. Those chose nothing in this run; where they chose its settings, nothing is "
            "promised.",
        ),
        (
            {"validation_chose": ["learning rates"]},
            "No error rate is promised: validation images chose the learning rates. Had they not, "
            "then with a probability of 0.9 over validation sets at most 10 % of what is named "
            "would be wrong, if images to come are drawn independently, as the 1,600 validation "
            "images were.",
        ),
        (
            NONE,
            "Nothing is named: with 80 validation images no error rate below 31.2 % can be "
            "promised with a probability of 0.9 over validation sets.",
        ),
        (
            {**NONE, "lowest_error": None, "validation_chose": BOTH},
            "Nothing is named: with 80 validation images no error rate can be promised with a "
            "probability of 0.9 over validation sets. Nor is any: validation images chose the "
            "learning rates and the checkpoint.",
        ),
    ],
)
def test_says_what_is_promised_and_why_not(changes, text):
    assert promise_text({**FOUND, **changes}) == text
