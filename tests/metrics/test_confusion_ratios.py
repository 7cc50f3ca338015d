"""Average confusion ratios, against matrices worked by hand and sums over pairs of classes."""

import itertools

import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.metrics import (
    average_confusion_ratio,
    coarse_confusion_ratios,
    pair_confusion_ratios,
)

FUNCTIONS = (average_confusion_ratio, coarse_confusion_ratios, pair_confusion_ratios)
NORMALIZE = (None, "predicted")

# Two coarse classes of two fine ones and one only child; targets are rows.
PARENT = (0, 1, 0, 1, 2)
CONFUSION = [
    [5, 1, 4, 0, 0],
    [0, 8, 0, 2, 0],
    [6, 0, 2, 2, 0],
    [0, 0, 0, 9, 1],
    [1, 0, 0, 3, 6],
]


def random_case(seed):
    """Sparse counts, so that sibling confusion may be missing; parents in any order."""
    rng = np.random.default_rng(seed)
    num_coarse = int(rng.integers(2, 5))
    parent = rng.permutation(np.r_[:num_coarse, rng.integers(0, num_coarse, rng.integers(2, 8))])
    counts = rng.integers(0, 9, (len(parent),) * 2) * (rng.random((len(parent),) * 2) < 0.5)
    counts[:, rng.random(len(parent)) < 0.2] = 0  # Classes that are never predicted.
    return counts, parent


def normalized(confusion):
    """What the authors' code makes of a confusion matrix, cell by cell."""
    size = len(confusion)
    shares = np.zeros((size, size))
    for predicted in range(size):
        total = sum(confusion[target][predicted] for target in range(size))
        for target in range(size):
            if total:
                shares[target][predicted] = confusion[target][predicted] / total
    return [[(shares[i][j] + shares[j][i]) / 2 for j in range(size)] for i in range(size)]


def by_loops(confusion, parent, normalize, is_between=lambda i, j: True, within=lambda k: True):
    """The ratio over the pairs of classes that count; None where it is undefined."""
    confusion = confusion if normalize is None else normalized(confusion)
    between, siblings = [], []
    for i, j in itertools.permutations(range(len(parent)), 2):
        if parent[i] == parent[j]:
            if within(parent[i]):
                siblings.append(confusion[i][j])
        elif is_between(parent[i], parent[j]):
            between.append(confusion[i][j])
    if not between or not any(siblings):
        return None
    return np.mean(between) / np.mean(siblings)


def or_none(function, *arguments):
    try:
        return function(*arguments)
    except InputError as error:
        if "is undefined" not in str(error):
            raise
        return None


def test_counts_worked_out_by_hand():
    # Siblings: 4 + 6 and 2 + 0 over 4 ordered pairs; the others 1 + 2 + 1 + 1 + 3 over 16.
    assert average_confusion_ratio(CONFUSION, PARENT) == pytest.approx((8 / 16) / (12 / 4))


def test_shares_of_the_predicted_worked_out_by_hand():
    # Of the predictions of each class (12, 9, 6, 16, 7): siblings 6, 0, 4, 2; others 1, 1, 0, 5, 1.
    siblings = 6 / 12 + 4 / 6 + 2 / 16
    between = 1 / 12 + 1 / 9 + 5 / 16 + 1 / 7
    ratio = average_confusion_ratio(CONFUSION, PARENT, normalize="predicted")
    assert ratio == pytest.approx((between / 16) / (siblings / 4))


def test_each_coarse_class_worked_out_by_hand():
    # Class 0 against the three others: 1, 2 and 1 over 12 pairs; class 1: 1, 2, 1 and 3 over 12.
    ratios = coarse_confusion_ratios(CONFUSION, PARENT)
    assert ratios.tolist() == pytest.approx([(4 / 12) / (10 / 2), (7 / 12) / (2 / 2), None])


def test_each_pair_worked_out_by_hand():
    ratios = pair_confusion_ratios(CONFUSION, PARENT)
    expected = {
        (0, 1): (3 / 8) / (12 / 4),  # 1 and 2
        (0, 2): (1 / 4) / (10 / 2),
        (1, 2): (4 / 4) / (2 / 2),  # 1 and 3
    }
    assert ratios.shape == (3, 3)
    for (one, other), ratio in expected.items():
        assert ratios[one, other] == ratios[other, one] == pytest.approx(ratio)
    np.testing.assert_array_equal(np.ma.getmaskarray(ratios), np.eye(3, dtype=bool))


@pytest.mark.parametrize("normalize", NORMALIZE)
@pytest.mark.parametrize("seed", range(30))
def test_equal_sums_over_pairs_of_classes(seed, normalize):
    counts, parent = random_case(seed)
    ratio = or_none(average_confusion_ratio, counts, parent, normalize)
    assert ratio == pytest.approx(by_loops(counts, parent, normalize))
    own = coarse_confusion_ratios(counts, parent, normalize)
    assert own.tolist() == pytest.approx(
        [
            by_loops(
                counts,
                parent,
                normalize,
                is_between=lambda a, b, k=k: k in (a, b),
                within=lambda a, k=k: a == k,
            )
            for k in range(max(parent) + 1)
        ]
    )
    pairs = pair_confusion_ratios(counts, parent, normalize)
    for pair in itertools.product(range(max(parent) + 1), repeat=2):
        members = np.flatnonzero(np.isin(parent, pair))
        of_first = (parent[members] == pair[0]).astype(int)
        alone = counts[np.ix_(members, members)], of_first, normalize
        expected = None if pair[0] == pair[1] else or_none(average_confusion_ratio, *alone)
        assert pairs.tolist()[pair[0]][pair[1]] == pytest.approx(expected)


def test_random_cases_reach_what_is_undefined():
    undefined = [
        coarse_confusion_ratios(*random_case(seed)).mask.any()
        and np.triu(pair_confusion_ratios(*random_case(seed)).mask, 1).any()
        for seed in range(30)
    ]
    assert 0 < sum(undefined) < 30


@pytest.mark.parametrize("normalize", NORMALIZE)
@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_classes_does_not_matter(seed, normalize):
    rng = np.random.default_rng(seed)
    counts, parent = rng.integers(0, 9, (9, 9)), np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
    fine, coarse = rng.permutation(9), rng.permutation(3)
    case = counts, parent, normalize
    moved = counts[np.ix_(fine, fine)], coarse[parent[fine]], normalize
    assert average_confusion_ratio(*moved) == pytest.approx(average_confusion_ratio(*case))
    np.testing.assert_allclose(
        coarse_confusion_ratios(*moved)[coarse], coarse_confusion_ratios(*case)
    )
    np.testing.assert_allclose(
        pair_confusion_ratios(*moved)[np.ix_(coarse, coarse)].filled(-1),
        pair_confusion_ratios(*case).filled(-1),
    )


@pytest.mark.parametrize(("target", "predicted"), [*itertools.permutations(range(5), 2)])
def test_confusing_parents_raises_the_ratio_and_confusing_siblings_lowers_it(target, predicted):
    more = np.array(CONFUSION)
    more[target, predicted] += 1
    ratio, before = (average_confusion_ratio(counts, PARENT) for counts in (more, CONFUSION))
    assert (ratio < before) if PARENT[target] == PARENT[predicted] else (ratio > before)


@pytest.mark.parametrize("normalize", NORMALIZE)
def test_only_shares_of_counts_matter(normalize):
    ratio = average_confusion_ratio(CONFUSION, PARENT, normalize)
    tenth = np.array(CONFUSION) / 10
    assert average_confusion_ratio(tenth, PARENT, normalize) == pytest.approx(ratio)


@pytest.mark.parametrize("normalize", NORMALIZE)
def test_a_class_that_is_never_predicted_is_a_column_of_zeros(normalize):
    counts = np.array(CONFUSION)
    counts[:, 1] = 0
    expected = by_loops(counts, PARENT, normalize)
    assert average_confusion_ratio(counts, PARENT, normalize) == pytest.approx(expected)


def test_large_counts_are_summed_without_overflow():
    counts = np.full((4, 4), 2**31 - 1, "int32")
    parent = (0, 0, 1, 1)
    assert average_confusion_ratio(counts, parent) == pytest.approx(1)
    assert coarse_confusion_ratios(counts, parent).tolist() == pytest.approx([1, 1])
    assert pair_confusion_ratios(counts, parent)[0, 1] == pytest.approx(1)


def test_many_fine_classes_of_one_parent_are_summed():
    # More than are copied at a time.
    rng = np.random.default_rng(0)
    counts, parent = rng.integers(0, 3, (700, 700)), np.repeat([0, 1], [600, 100])
    is_sibling = np.equal.outer(parent, parent)
    siblings = counts[is_sibling & ~np.eye(700, dtype=bool)]
    expected = counts[~is_sibling].mean() / siblings.mean()
    assert average_confusion_ratio(counts, parent) == pytest.approx(expected)


def test_the_confusion_matrix_is_left_as_it_was():
    counts = np.array(CONFUSION)
    for function in FUNCTIONS:
        function(counts, PARENT, "predicted")
    np.testing.assert_array_equal(counts, CONFUSION)


@pytest.mark.parametrize("normalize", NORMALIZE)
@pytest.mark.parametrize(
    ("counts", "parent", "reason"),
    [
        (
            np.ones((3, 3)),
            (0, 0, 0),
            "all 3 fine classes have one parent. Use two coarse classes or more.",
        ),
        (
            np.ones((3, 3)),
            (0, 1, 2),
            "no two of the 3 fine classes are siblings. Use a coarser taxonomy.",
        ),
        (
            [[0.3, 0, 0.7], [0, 0.9, 0.1], [0.5, 0.1, 0.4]],
            (0, 0, 1),
            "no image is taken for a sibling of its class. Use a larger test set.",
        ),
    ],
)
def test_an_undefined_ratio_says_why(counts, parent, reason, normalize):
    with pytest.raises(InputError) as caught:
        average_confusion_ratio(counts, parent, normalize)
    assert str(caught.value) == f"The average confusion ratio is undefined: {reason}"
    assert coarse_confusion_ratios(counts, parent, normalize).mask.all()
    assert pair_confusion_ratios(counts, parent, normalize).mask.all()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("counts", "parent", "normalize", "message"),
    [
        (CONFUSION, PARENT, "target", "Unknown normalize 'target'. Known: predicted."),
        (
            np.ones((3, 4)),
            (0, 0, 1),
            None,
            "The confusion matrix is of shape (3, 4), expected (num_fine, num_fine): a row for "
            "each target and a column for each predicted class.",
        ),
        (
            np.ones((0, 0)),
            (),
            None,
            "The confusion matrix is of shape (0, 0), expected (num_fine, num_fine): a row for "
            "each target and a column for each predicted class.",
        ),
        (
            [["1", "2"], ["3", "4"]],
            (0, 1),
            None,
            "The confusion matrix is of type <U1, expected numbers.",
        ),
        (
            np.ones((3, 3)),
            (0, 1),
            None,
            "parent is of shape (2,) and type int64, expected 3 whole numbers, a coarse class for "
            "each class of the confusion matrix.",
        ),
        (
            np.ones((2, 2)),
            (0.0, 1.0),
            None,
            "parent is of shape (2,) and type float64, expected 2 whole numbers, a coarse class "
            "for each class of the confusion matrix.",
        ),
        (
            np.ones((3, 3)),
            (0, 3, 3),
            None,
            "parent names 2 coarse classes, 0 to 3. Number them 0, 1, .. without gaps.",
        ),
        (
            np.ones((2, 2)),
            (-1, 0),
            None,
            "parent names 2 coarse classes, -1 to 0. Number them 0, 1, .. without gaps.",
        ),
        *(
            (
                [[1, 2, 3], [4, 5, 6], [7, bad, 9]],
                (0, 1, 0),
                None,
                f"The confusion matrix has {text} for target 2 and predicted class 1, expected "
                "finite counts of 0 or more.",
            )
            for bad, text in ((-8, "-8"), (np.nan, "nan"), (np.inf, "inf"))
        ),
    ],
)
def test_what_is_no_confusion_matrix_of_the_taxonomy_is_an_error(
    function, counts, parent, normalize, message
):
    with pytest.raises(InputError) as caught:
        function(counts, parent, normalize)
    assert str(caught.value) == message
