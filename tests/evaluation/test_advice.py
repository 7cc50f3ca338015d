"""Advice: what it says, how sure it is, and when it cannot tell."""

import re

import numpy as np
import pytest
from runs import TAXONOMY, draw_coarse_run, draw_fine_run, write_run

from coarse2fine.errors import InputError
from coarse2fine.evaluation.advice import make_advice
from coarse2fine.evaluation.advice_text import advice_text
from coarse2fine.evaluation.gain_line import Evidence, GainLine
from coarse2fine.evaluation.pairs import Pair

PUBLISHED = [
    Evidence(f"published {i}", ratio, gain, published=True)
    for i, (ratio, gain) in enumerate(
        [(0.02, 0.001), (0.1, 0.006), (0.5, 0.02), (1.0, 0.024), (3.0, 0.03)]
    )
]


def test_the_likely_gain_is_read_off_the_line_and_holds_its_errors(tmp_path):
    run = draw_fine_run(tmp_path / "run")
    advice = make_advice(run, PUBLISHED, num_resamples=500)
    line = GainLine(PUBLISHED)
    assert advice.num_images == 600
    ratio = run.report["average_confusion_ratio_normalized"]
    assert advice.ratio.value == pytest.approx(ratio)
    assert advice.gain.value == pytest.approx(float(line.predict(np.array(advice.ratio.value))))
    assert advice.gain.low < advice.gain.value < advice.gain.high
    assert advice.gain.high - advice.gain.low >= 0.9 * np.ptp(line.errors)
    assert advice.error == pytest.approx(np.sqrt(np.mean(line.errors**2)))


def test_a_class_that_is_confused_with_other_parents_stands_first(tmp_path):
    fine = np.repeat(np.arange(6), 40)
    best = fine.copy()
    # Of each class: cats 8 to a sibling and 1 to dogs, dogs 2 to a sibling and 8 to cats.
    for f, sibling, other in ((0, 1, 3), (1, 2, 4), (2, 0, 3)):
        best[40 * f : 40 * f + 8], best[40 * f + 8] = sibling, other
    for f, sibling, other in ((3, 4, 0), (4, 3, 1)):
        best[40 * f : 40 * f + 2], best[40 * f + 2 : 40 * f + 10] = sibling, other
    run = write_run(tmp_path / "run", "fine", best_fine=best, fine=fine)
    advice = make_advice(run, PUBLISHED, num_resamples=300)
    assert [row.name for row in advice.classes] == ["dog", "cat", "bird"]
    assert advice.num_first == 1
    chances = [row.chance_first for row in advice.classes]
    assert chances[0] > 0.8
    assert sum(chances) == pytest.approx(1)
    assert advice.classes[2].ratio is None
    assert advice.classes[2].reason == "it has one fine class"


def chances_of(run):
    advice = make_advice(run, PUBLISHED, num_resamples=400)
    return {row.name: row.chance_first for row in advice.classes}


def test_a_class_without_a_ratio_is_never_among_the_first_and_equal_ones_are_so_by_turns(tmp_path):
    fine = np.repeat(np.arange(6), 40)
    best = fine.copy()
    best[120:130], best[160:170] = 4, 3  # Dogs are taken for each other; canaries are one class.
    run = write_run(tmp_path / "one", "fine", best_fine=best, fine=fine)
    chances = chances_of(run)
    # No cat is taken for anything, so cats and canaries have no ratio; that of dogs is 0.
    assert chances == {"cat": 0, "dog": 1, "bird": 0}
    best[:10] = 1
    run = write_run(tmp_path / "two", "fine", best_fine=best, fine=fine)
    chances = chances_of(run)
    assert chances["cat"] == pytest.approx(0.5, abs=0.1)
    assert chances["cat"] + chances["dog"] == 1


def test_beyond_the_evidence_it_cannot_tell(tmp_path):
    run = draw_fine_run(tmp_path / "run")
    near = [Evidence(str(i), 50.0 + i, 0.01 * i, published=True) for i in range(5)]
    advice = make_advice(run, near, num_resamples=100)
    assert advice.gain is None
    assert all(row.gain is None for row in advice.classes)
    text = advice_text(advice)
    assert (
        "Likely gain over training on coarse labels: cannot tell. The pairs of runs that are known "
        "have ratios from 50.000 to 54.000." in text
    )
    assert "Cannot tell for bird: it has one fine class." in text


def test_a_class_that_is_confused_with_others_and_never_among_itself_stands_first(tmp_path):
    fine = np.repeat(np.arange(6), 40)
    best = fine.copy()
    best[:8], best[8] = 1, 3  # Cats: mostly a sibling.
    best[120:134] = 0  # Beagles: 14 of 40 are taken for cats, and no dog for another dog.
    run = write_run(tmp_path / "run", "fine", best_fine=best, fine=fine)
    advice = make_advice(run, PUBLISHED, num_resamples=200)
    assert [row.name for row in advice.classes] == ["dog", "cat", "bird"]
    dog = advice.classes[0]
    assert dog.ratio is None
    assert dog.chance_first == 1
    assert dog.reason == "too few test images are taken for a sibling of their class"
    assert "| dog | 80 | cannot tell | cannot tell |  | 100% |" in advice_text(advice)


def test_an_upper_end_that_resamples_do_not_have_is_not_given(tmp_path):
    fine = np.repeat(np.arange(6), 40)
    best = fine.copy()
    best[:8], best[8:12] = 1, 3
    best[120:123], best[160] = 4, 0  # 3 beagles are boxers: 5 % of resamples draw none of them.
    run = write_run(tmp_path / "run", "fine", best_fine=best, fine=fine)
    advice = make_advice(run, PUBLISHED, num_resamples=1000)
    (dog,) = [row for row in advice.classes if row.name == "dog"]
    assert dog.ratio is None


def pairs_of(tmp_path, count):
    pairs = []
    for i in range(count):
        fine = draw_fine_run(tmp_path / f"fine_{i}", draw=i, other=0.05 + 0.04 * i)
        pairs.append(Pair(fine, draw_coarse_run(tmp_path / f"coarse_{i}", draw=10 + i)))
    return pairs


def test_a_runs_own_pair_is_shown_beside_what_others_let_expect_and_is_no_evidence(tmp_path):
    pairs = pairs_of(tmp_path, 3)
    advice = make_advice(pairs[1].fine, PUBLISHED, pairs, num_resamples=100)
    names = [evidence.name for evidence in advice.evidence]
    assert names[5:] == ["fine_0 and coarse_0", "fine_2 and coarse_2"]
    own = advice.measured[1]
    assert own.gain.value == pytest.approx(pairs[1].gain)
    others = [Evidence("", pair.ratio, pair.gain) for pair in (pairs[0], pairs[2])]
    expected = GainLine([*PUBLISHED, *others]).predict(np.array(pairs[1].ratio))
    assert own.expected.value == pytest.approx(float(expected))
    assert f"| fine_1 and coarse_1 | {own.ratio:.3f} |" in advice_text(advice)


def test_says_what_it_rests_on(tmp_path):
    pairs = pairs_of(tmp_path, 2)
    text = advice_text(make_advice(pairs[0].fine, PUBLISHED, pairs, num_resamples=100))
    assert "through 5 published pairs of runs (Chen 2018) and 1 measured ones" in text
    alone = advice_text(make_advice(pairs[0].fine, PUBLISHED, num_resamples=100))
    assert "No pair of runs, one on fine and one on coarse labels, was found to check by." in alone


def test_noisy_partial_and_deeper_pairs_and_those_of_its_own_runs_are_no_evidence(tmp_path):
    run = draw_fine_run(tmp_path / "fine")
    coarse = draw_coarse_run(tmp_path / "coarse")
    noisy = draw_fine_run(tmp_path / "noisy", draw=2, fine_label_noise=0.1)
    other = draw_fine_run(tmp_path / "other", draw=3, seed=1)
    other_coarse = draw_coarse_run(tmp_path / "other_coarse", draw=4, seed=1)
    deeper = draw_coarse_run(tmp_path / "deeper", draw=5, seed=1, extra_layer=True)
    third = draw_fine_run(tmp_path / "third", draw=6, data_fraction=0.5)
    third_coarse = draw_coarse_run(tmp_path / "third_coarse", draw=7, data_fraction=0.5)
    pairs = [
        Pair(run, coarse),
        Pair(noisy, coarse),
        Pair(other, deeper),
        Pair(other, other_coarse),
        Pair(third, third_coarse),
    ]
    advice = make_advice(run, PUBLISHED, pairs, num_resamples=100)
    assert [e.name for e in advice.evidence if not e.published] == ["other and other_coarse"]
    assert len(advice.measured) == 5


def test_a_pair_whose_ratio_is_undefined_or_zero_is_shown(tmp_path):
    fine = np.arange(600) % 6
    run = draw_fine_run(tmp_path / "run")
    coarse = draw_coarse_run(tmp_path / "coarse", wrong=0.25)
    perfect = write_run(tmp_path / "perfect", "fine", best_fine=fine, fine=fine)
    sibling = np.where(np.arange(600) < 60, np.array([1, 2, 0, 4, 3, 5])[fine], fine)
    siblings = write_run(tmp_path / "siblings", "fine", best_fine=sibling, fine=fine)
    pairs = [Pair(perfect, coarse), Pair(siblings, coarse)]
    advice = make_advice(run, PUBLISHED, pairs, num_resamples=100)
    assert [pair.ratio for pair in advice.measured] == [None, 0]
    assert [pair.expected for pair in advice.measured] == [None, None]
    assert [pair.gain.value for pair in advice.measured] == [pairs[0].gain, pairs[1].gain]
    text = advice_text(advice)
    assert "| perfect and coarse | cannot tell | cannot tell | +" in text
    assert "| siblings and coarse | 0.000 | cannot tell | +" in text
    assert not [e for e in advice.evidence if not e.published]


def test_measured_gains_of_its_classes_are_shown_where_it_has_a_pair(tmp_path):
    pair = Pair(draw_fine_run(tmp_path / "fine"), draw_coarse_run(tmp_path / "coarse"))
    advice = make_advice(pair.fine, PUBLISHED, [pair], num_resamples=100)
    gains = dict(zip(TAXONOMY.coarse_names, pair.gain_by_class(), strict=True))
    assert {row.name: row.measured for row in advice.classes} == pytest.approx(gains)
    assert "| likely gain | measured gain (fine and coarse) |" in advice_text(advice)
    alone = make_advice(pair.fine, PUBLISHED, num_resamples=100)
    assert all(row.measured is None for row in alone.classes)


def test_measured_gains_of_its_classes_are_those_of_its_plain_pair(tmp_path):
    run = draw_fine_run(tmp_path / "fine")
    deeper = Pair(run, draw_coarse_run(tmp_path / "a", draw=8, wrong=0.4, extra_layer=True))
    plain = Pair(run, draw_coarse_run(tmp_path / "b"))
    advice = make_advice(run, PUBLISHED, [deeper, plain], num_resamples=100)
    assert advice.own == "fine and b"
    gains = dict(zip(TAXONOMY.coarse_names, plain.gain_by_class(), strict=True))
    assert {row.name: row.measured for row in advice.classes} == pytest.approx(gains)
    alone = make_advice(run, PUBLISHED, [deeper], num_resamples=100)
    assert alone.own is None
    assert all(row.measured is None for row in alone.classes)
    assert "| likely gain | measured gain |" in advice_text(alone)


def test_says_that_noise_lowers_ratio_and_gain(tmp_path):
    noisy = draw_fine_run(tmp_path / "noisy", fine_label_noise=0.1)
    sentence = (
        "The run learned from fine labels of which 0.1 were drawn anew: noise lowers the ratio and "
        "the gain (Chen 2018, Table VII), so both may be higher with clean labels."
    )
    assert sentence in advice_text(make_advice(noisy, PUBLISHED, num_resamples=100))
    clean = draw_fine_run(tmp_path / "clean")
    assert "drawn anew" not in advice_text(make_advice(clean, PUBLISHED, num_resamples=100))


def test_names_the_runs_that_were_left_out(tmp_path):
    run = draw_fine_run(tmp_path / "run")
    text = advice_text(make_advice(run, PUBLISHED, left_out=["x is damaged."], num_resamples=100))
    assert "Runs that were left out:\n\n- x is damaged.\n" in text


def test_is_the_same_for_the_same_seed(tmp_path):
    run = draw_fine_run(tmp_path / "run")
    first, second, other = (
        make_advice(run, PUBLISHED, num_resamples=100, seed=seed) for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other


def test_refuses_a_run_on_coarse_labels(tmp_path):
    run = draw_coarse_run(tmp_path / "run")
    message = (
        f"The run in {tmp_path}/run was trained on coarse labels alone: it cannot tell fine "
        "classes apart, so it does not show how they are confused. Give one that was trained "
        "with --labels=fine, mixed or oracle."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        make_advice(run, PUBLISHED)


def test_refuses_a_test_set_without_sibling_confusion_and_says_so(tmp_path):
    fine = np.arange(60) % 6
    run = write_run(tmp_path / "run", "fine", best_fine=fine, fine=fine)
    with pytest.raises(InputError, match="no image is taken for a sibling of its class"):
        make_advice(run, PUBLISHED)


def test_refuses_no_resamples(tmp_path):
    run = draw_fine_run(tmp_path / "run")
    with pytest.raises(InputError, match=r"^num_resamples is 0, expected 1 or more\.$"):
        make_advice(run, PUBLISHED, num_resamples=0)


def test_refuses_so_little_sibling_confusion_that_resamples_lose_it(tmp_path):
    fine = np.arange(60) % 6
    best = fine.copy()
    best[0] = 1
    best[1] = 4
    run = write_run(tmp_path / "run", "fine", best_fine=best, fine=fine)
    with pytest.raises(InputError, match=r"undefined in \d+ of 200 resampled test sets"):
        make_advice(run, PUBLISHED, num_resamples=200)
