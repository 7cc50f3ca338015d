"""A test set drawn from files without splits: its share of each class, and what it depends on."""

import re

import numpy as np
import pytest

from coarse2fine.data.partition import draw_split
from coarse2fine.errors import InputError

# Four fine classes, two in each coarse one.
FINE = np.repeat([0, 1, 2, 3], [10, 25, 3, 1])
SETS = {
    "all fine-labelled": (FINE, FINE // 2),
    "some coarse-only": (np.r_[FINE, [-1] * 30], np.r_[FINE // 2, [0] * 10, [1] * 20]),
    "all coarse-only": (np.full(30, -1), np.repeat([0, 1], [10, 20])),
}


def ids_of(fine):
    return np.array([f"{i}.jpg" for i in range(len(fine))], object)


@pytest.mark.parametrize("fraction", [0.1, 0.4, 0.99])
@pytest.mark.parametrize("name", SETS)
def test_holds_its_rounded_share_of_every_class(name, fraction):
    fine, coarse = SETS[name]
    is_test = draw_split(fine, coarse, ids_of(fine), fraction, seed=0)
    for label in set(fine.tolist()) - {-1}:
        members = fine == label
        assert is_test[members].sum() == round(members.sum() * fraction)
    for label in set(coarse.tolist()):
        members = (fine < 0) & (coarse == label)
        assert is_test[members].sum() == round(members.sum() * fraction)


@pytest.mark.parametrize("name", SETS)
def test_a_larger_share_contains_a_smaller_one_whatever_the_order(name):
    fine, coarse = SETS[name]
    ids = ids_of(fine)
    some, more = (draw_split(fine, coarse, ids, share, seed=3) for share in (0.2, 0.6))
    assert (some <= more).all()
    order = np.random.default_rng(0).permutation(len(fine))
    again = draw_split(fine[order], coarse[order], ids[order], 0.2, seed=3)
    np.testing.assert_array_equal(again, some[order])
    assert (draw_split(fine, coarse, ids, 0.2, seed=4) != some).any()


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_refuses_shares_that_leave_a_part_empty(fraction):
    fine, coarse = SETS["all fine-labelled"]
    message = f"test_fraction is {fraction}, expected a number between 0 and 1."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        draw_split(fine, coarse, ids_of(fine), fraction, seed=0)
