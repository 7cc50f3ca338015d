"""The numbers of a report, against hand-worked cases and plain loops."""

import math

import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.evaluation import Predictions, best_of_children, make_report
from coarse2fine.evaluation.decisions import Decisions
from coarse2fine.metrics import average_confusion_ratio
from coarse2fine.taxonomy import Taxonomy

TAXONOMY = Taxonomy(tuple("abcdef"), ("x", "y"), (0, 0, 0, 1, 1, 1))

# Six images with their fine scores: the best class, and where the label stands among the best.
FINE_SCORES = np.array(
    [
        [9, 8, 7, 6, 5, 4],  # a; the label a is 1st
        [9, 8, 7, 6, 5, 4],  # a; the label c is 3rd, of the same coarse class
        [9, 8, 7, 6, 5, 4],  # a; the label f is 6th, of the other coarse class
        [0, 0, 0, 3, 0, 3],  # d, as f ties with it and stands later; the label f is 2nd
        [1, 1, 1, 1, 1, 1],  # a, as all tie; the label e is 5th
        [0, 0, 1, 0, 0, 0],  # c; no fine label, the coarse label is x
    ],
    "float32",
)
FINE = np.array([0, 2, 5, 5, 4, -1])
COARSE = np.array([0, 0, 1, 1, 1, 0])
# The best coarse classes are x, y, y, y, x (a tie) and y.
COARSE_SCORES = np.array([[2, 1], [1, 2], [1, 2], [1, 2], [1, 1], [1, 2]], "float32")
NUMBERS_OF_FINE = {
    "fine_top1": 1 / 5,  # The first of the five with a fine label.
    "fine_top5": 4 / 5,  # All of them but the third.
    "coarse_top1_from_fine": 4 / 6,  # The parents are x, x, x, y, x, x: the 3rd and 5th are wrong.
    "coarse_top1_from_fine_sum": 4 / 6,  # Here the parents have the larger sums.
    "mistake_severity": 2 / 4,  # Of the wrong four (2nd to 5th), the 3rd and the 5th.
    # Siblings: c is taken for a, and f for d, among 12 pairs; others: f and e for a, among 18.
    "average_confusion_ratio": (2 / 18) / (2 / 12),
    # Of the four images that are taken for a, and the one for d.
    "average_confusion_ratio_normalized": ((1 / 4 + 1 / 4) / 18) / ((1 / 4 + 1) / 12),
}


def test_gives_the_numbers_worked_out_by_hand():
    report = make_report(Predictions(FINE_SCORES, COARSE_SCORES, FINE, COARSE), TAXONOMY)
    assert report == pytest.approx(
        {
            "num_images": 6,
            **NUMBERS_OF_FINE,
            "fine_top1_top_down": 1 / 5,  # In those of x, y, y, y, x: a, d, d, d, a.
            "coarse_top1": 3 / 6,  # The 1st, 3rd and 4th.
            "agreement": 3 / 6,  # With the parents above: the 1st, 4th and 5th.
        }
    )


def test_without_a_coarse_head_what_it_would_say_is_none():
    report = make_report(Predictions(FINE_SCORES, None, FINE, COARSE), TAXONOMY)
    none = dict.fromkeys(("coarse_top1", "agreement", "fine_top1_top_down"))
    expected = {"num_images": 6, **NUMBERS_OF_FINE, **none}
    assert report == pytest.approx(expected)


def test_without_a_fine_head_what_it_would_say_is_none():
    report = make_report(Predictions(None, COARSE_SCORES, FINE, COARSE), TAXONOMY)
    none = dict.fromkeys((*NUMBERS_OF_FINE, "agreement", "fine_top1_top_down"))
    assert report == {"num_images": 6, "coarse_top1": 0.5, **none}


def test_where_no_fine_label_is_known_only_coarse_numbers_are_given():
    unknown = np.full(6, -1)
    report = make_report(Predictions(FINE_SCORES, COARSE_SCORES, unknown, COARSE), TAXONOMY)
    assert report == pytest.approx(
        {
            **dict.fromkeys((*NUMBERS_OF_FINE, "fine_top1_top_down")),
            "num_images": 6,
            "coarse_top1": 3 / 6,
            "coarse_top1_from_fine": 4 / 6,
            "coarse_top1_from_fine_sum": 4 / 6,
            "agreement": 3 / 6,
        }
    )


def test_where_no_fine_prediction_is_wrong_there_is_no_severity():
    scores = np.eye(6, dtype="float32")
    fine = np.array([0, 1, 2, 3, 4, -1])
    coarse = np.array([0, 0, 0, 1, 1, 0])  # The image without a fine label is named wrongly.
    report = make_report(Predictions(scores, None, fine, coarse), TAXONOMY)
    assert report["mistake_severity"] is None
    assert report["fine_top1"] == report["fine_top5"] == 1
    assert report["coarse_top1_from_fine"] == pytest.approx(5 / 6)


def test_no_images_make_no_shares():
    nothing = Predictions(np.empty((0, 6)), np.empty((0, 2)), np.empty(0, int), np.empty(0, int))
    report = make_report(nothing, TAXONOMY)
    assert report.pop("num_images") == 0
    assert set(report.values()) == {None}


@pytest.mark.parametrize("offset", [0, -1e4, 1e4])
def test_a_sum_over_fine_classes_can_outweigh_the_best_of_them(offset):
    probabilities = [[0.4, 0.0001, 0.0001, 0.18, 0.2, 0.2198], [0.4, 0.1, 0.1, 0.1, 0.1, 0.2]]
    scores = (np.log(probabilities) + offset).astype("float32")
    labels = np.array([3, 3]), np.array([1, 1])
    report = make_report(Predictions(scores, None, *labels), TAXONOMY)
    assert report["coarse_top1_from_fine"] == 0
    assert report["coarse_top1_from_fine_sum"] == 1 / 2


def test_of_equal_sums_the_lower_coarse_class_is_the_best():
    scores, fine = np.zeros((2, 6), "float32"), np.array([0, 3])
    report = make_report(Predictions(scores, None, fine, TAXONOMY.coarsen(fine)), TAXONOMY)
    assert report["coarse_top1_from_fine_sum"] == 1 / 2


def test_scores_of_any_size_have_a_largest_sum():
    scores = np.float32([[-3e38, 3e38, -3e38, 3.1e38, 3.1e38, -3e38], [0, 800, 800, 801, 0, 0]])
    labels = np.array([3, 1]), np.array([1, 0])
    report = make_report(Predictions(scores, None, *labels), TAXONOMY)
    assert report["coarse_top1_from_fine_sum"] == 1 / 2  # e^1 against 2 in the second.


@pytest.mark.parametrize("seed", range(5))
def test_sums_of_probabilities_equal_plain_loops(seed):
    rng = np.random.default_rng(seed)
    parent = rng.permutation(np.r_[:4, rng.integers(0, 4, 9)])
    taxonomy = Taxonomy(tuple("abcdefghijklm"), tuple("wxyz"), parent)
    scores = rng.normal(scale=2, size=(5_000, 13)).astype("float32")
    coarse = rng.integers(0, 4, 5_000)
    right = 0
    for row, label in zip(scores.tolist(), coarse, strict=True):
        sums = [math.fsum(math.exp(row[f]) for f in taxonomy.children[k]) for k in range(4)]
        right += sums.index(max(sums)) == label
    report = make_report(Predictions(scores, None, np.full(5_000, -1), coarse), taxonomy)
    assert report["coarse_top1_from_fine_sum"] == pytest.approx(right / 5_000)


def test_where_no_sibling_is_confused_the_ratio_is_none():
    scores = np.eye(6, dtype="float32")[[0, 1, 5]]
    predictions = Predictions(scores, None, np.array([0, 1, 2]), np.array([0, 0, 0]))
    report = make_report(predictions, TAXONOMY)
    assert report["average_confusion_ratio"] is None
    assert report["average_confusion_ratio_normalized"] is None


def test_the_confusion_matrix_counts_the_images_with_a_fine_label():
    rng = np.random.default_rng(0)
    fine, best = rng.integers(-1, 6, 10_000), rng.integers(0, 6, 10_000)
    predictions = Predictions(np.eye(6, dtype="float32")[best], None, fine, np.zeros(10_000, int))
    counts = Decisions.of(predictions).fine_confusion(6)
    for target in range(6):
        for predicted in range(6):
            assert counts[target, predicted] == ((fine == target) & (best == predicted)).sum()


def by_loops(fine_scores, coarse_scores, fine, coarse, parent):
    """A report from one image at a time; of equal scores the first class is the best.

    The sums over fine classes, which tie only up to rounding, have a test of their own.
    """
    names = (
        "fine_top1 fine_top5 fine_top1_top_down coarse_top1 coarse_top1_from_fine agreement "
        "mistake_severity"
    )
    seen = {name: [] for name in names.split()}
    confusion = np.zeros((len(parent), len(parent)), int)
    for i in range(len(fine)):
        ranking = sorted(range(len(parent)), key=lambda f, i=i: (-fine_scores[i][f], f))
        best_coarse = max(
            range(coarse_scores.shape[1]), key=lambda k, i=i: (coarse_scores[i][k], -k)
        )
        named = parent[ranking[0]]
        seen["coarse_top1"].append(best_coarse == coarse[i])
        seen["coarse_top1_from_fine"].append(named == coarse[i])
        seen["agreement"].append(best_coarse == named)
        if fine[i] >= 0:
            confusion[fine[i], ranking[0]] += 1
            seen["fine_top1"].append(ranking[0] == fine[i])
            seen["fine_top5"].append(fine[i] in ranking[:5])
            top_down = next(f for f in ranking if parent[f] == best_coarse)
            seen["fine_top1_top_down"].append(top_down == fine[i])
            if ranking[0] != fine[i]:
                seen["mistake_severity"].append(named != coarse[i])
    shares = {name: sum(true) / len(true) if true else None for name, true in seen.items()}
    ratios = {}
    for suffix, normalize in (("", None), ("_normalized", "predicted")):
        try:
            ratio = average_confusion_ratio(confusion, parent, normalize)
        except InputError:
            ratio = None
        ratios[f"average_confusion_ratio{suffix}"] = ratio
    return {"num_images": len(fine), **shares, **ratios}


@pytest.mark.parametrize("seed", range(5))
def test_top_down_never_contradicts_the_coarse_class(seed):
    rng = np.random.default_rng(seed)
    parent = rng.permutation(np.r_[:7, rng.integers(0, 7, 30)])
    taxonomy = Taxonomy(tuple(map(str, range(37))), tuple("abcdefg"), parent)
    scores, coarse = rng.normal(size=(5_000, 37)), rng.integers(0, 7, 5_000)
    fine = best_of_children(scores, coarse, taxonomy)
    np.testing.assert_array_equal(parent[fine], coarse)
    agrees = parent[scores.argmax(-1)] == coarse
    np.testing.assert_array_equal(fine[agrees], scores.argmax(-1)[agrees])


@pytest.mark.parametrize("seed", range(20))
def test_equals_plain_loops(seed):
    rng = np.random.default_rng(seed)
    num_coarse = int(rng.integers(1, 5))
    # Every coarse class has a child; with few classes the best five are all there are.
    parent = rng.permutation(np.r_[:num_coarse, rng.integers(0, num_coarse, rng.integers(1, 9))])
    num_fine, count = len(parent), int(rng.integers(1, 40))
    taxonomy = Taxonomy(
        tuple(f"f{f}" for f in range(num_fine)), tuple(f"k{k}" for k in range(num_coarse)), parent
    )
    # Whole numbers tie often.
    fine_scores = rng.integers(0, 4, (count, num_fine)).astype("float32")
    coarse_scores = rng.integers(0, 3, (count, num_coarse)).astype("float32")
    true = rng.integers(0, num_fine, count)
    fine = np.where(rng.random(count) < 0.3, -1, true)
    coarse = parent[true]
    report = make_report(Predictions(fine_scores, coarse_scores, fine, coarse), taxonomy)
    expected = by_loops(fine_scores, coarse_scores, fine, coarse, parent)
    del report["coarse_top1_from_fine_sum"]
    assert report == pytest.approx(expected)
