"""Which runs make a pair, and what a pair says."""

import json
import re

import numpy as np
import pytest
from runs import TAXONOMY, draw_coarse_run, draw_fine_run, write_run

from coarse2fine.errors import InputError
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.evaluation.pairs import Pair, find_pairs, find_runs, plain_pairs


def pairs_in(folder):
    return [(pair.fine.name, pair.coarse.name) for pair in find_pairs(find_runs(folder).runs)]


def test_runs_that_differ_in_their_labels_alone_are_a_pair(tmp_path):
    draw_fine_run(tmp_path / "deep" / "fine")
    draw_coarse_run(tmp_path / "coarse")
    assert pairs_in(tmp_path) == [("deep/fine", "coarse")]


@pytest.mark.parametrize(
    ("changes", "is_pair"),
    [
        ({"fine_label_noise": 0.1}, True),
        ({"data_dir": "elsewhere"}, True),
        ({"track_test_accuracy": True}, True),
        ({"seed": 1}, False),
        ({"width": 0.5}, False),
        ({"data_fraction": 0.5}, False),
    ],
)
def test_what_may_differ_within_a_pair(tmp_path, changes, is_pair):
    draw_fine_run(tmp_path / "fine", **changes)
    draw_coarse_run(tmp_path / "coarse")
    assert bool(pairs_in(tmp_path)) == is_pair


@pytest.mark.parametrize(
    ("labels", "is_pair"), [("fine", False), ("oracle", True), ("mixed", False)]
)
def test_with_coarse_only_images_the_oracle_alone_learns_from_the_same_ones(
    tmp_path, labels, is_pair
):
    draw_fine_run(tmp_path / "fine", labels=labels, coarse_only=300)
    draw_coarse_run(tmp_path / "coarse", coarse_only=300)
    assert bool(pairs_in(tmp_path)) == is_pair


@pytest.mark.parametrize(
    "images",
    [
        {"fingerprint": "others"},
        {"test_fingerprint": "others"},
        {"num_images": 594},
        {"views": 10},
    ],
)
def test_runs_on_other_images_or_views_of_them_are_no_pair(tmp_path, images):
    draw_fine_run(tmp_path / "fine")
    draw_coarse_run(tmp_path / "coarse", **images)
    assert pairs_in(tmp_path) == []


def test_a_report_that_does_not_say_its_views_is_of_one(tmp_path):
    draw_fine_run(tmp_path / "fine")
    draw_coarse_run(tmp_path / "coarse")
    path = tmp_path / "fine/report.json"
    report = json.loads(path.read_text())
    del report["views"]
    path.write_text(json.dumps(report))
    assert pairs_in(tmp_path) == [("fine", "coarse")]


def test_one_run_on_coarse_labels_goes_with_several_on_fine_ones(tmp_path):
    draw_coarse_run(tmp_path / "coarse")
    for noise in (0.0, 0.1):
        draw_fine_run(tmp_path / f"fine_{noise}", fine_label_noise=noise)
    assert pairs_in(tmp_path) == [
        ("fine_0.0", "coarse"),
        ("fine_0.1", "coarse"),
    ]


@pytest.mark.parametrize(
    ("changes", "is_plain"),
    [
        ({}, True),
        ({"fine_fraction": 1.0, "coarse_fraction": 0.0}, True),
        ({"fine_fraction": 0.7, "coarse_fraction": 0.3}, True),
        ({"fine_fraction": 0.3}, False),
        ({"fine_fraction": 0.5, "coarse_fraction": 0.0}, False),
        ({"data_fraction": 0.5}, False),
    ],
)
def test_a_plain_pair_is_of_all_images(tmp_path, changes, is_plain):
    fine = draw_fine_run(tmp_path / "fine", **changes)
    pair = Pair(fine, draw_coarse_run(tmp_path / "coarse", **changes))
    assert pair.is_plain == is_plain
    assert plain_pairs([pair]) == ([pair] if is_plain else [])


def test_of_several_plain_pairs_of_a_run_there_is_one(tmp_path):
    run = draw_fine_run(tmp_path / "fine")
    pairs = [Pair(run, draw_coarse_run(tmp_path / name)) for name in ("a", "b")]
    assert plain_pairs(pairs) == pairs[:1]


def worked_pair(tmp_path):
    """Six images, one a fine class: the fine run errs on two, the coarse run on one."""
    fine = np.arange(6)
    # siamese -> persian (a sibling: coarse right), tabby -> beagle, canary -> boxer.
    fine_run = write_run(tmp_path / "fine", "fine", best_fine=[1, 1, 3, 3, 4, 4], fine=fine)
    # siamese -> dog.
    coarse_run = write_run(tmp_path / "coarse", "coarse", best_coarse=[1, 0, 0, 1, 1, 2], fine=fine)
    return Pair(fine_run, coarse_run)


def test_a_gain_is_the_difference_of_the_coarse_accuracies(tmp_path):
    pair = worked_pair(tmp_path)
    assert pair.fine.coarse_accuracy == pytest.approx(4 / 6)
    assert pair.coarse.coarse_accuracy == pytest.approx(5 / 6)
    assert pair.gain == pytest.approx(-1 / 6)
    # cat: 2 of 3 either way; dog: 2 of 2 either way; bird: 0 of 1 against 1 of 1.
    np.testing.assert_allclose(pair.gain_by_class(), [0, 0, -1], atol=1e-12)


def test_the_gains_of_the_classes_sum_to_the_gain(tmp_path):
    pair = Pair(draw_fine_run(tmp_path / "fine"), draw_coarse_run(tmp_path / "coarse"))
    counts = np.bincount(pair.fine.decisions.coarse)
    total = (pair.gain_by_class() * counts).sum() / counts.sum()
    assert total == pytest.approx(pair.gain)


def test_the_interval_is_that_of_resampled_images(tmp_path):
    pair = Pair(draw_fine_run(tmp_path / "fine"), draw_coarse_run(tmp_path / "coarse"))
    difference = pair.fine.is_coarse_right().astype(int) - pair.coarse.is_coarse_right()
    rng = np.random.default_rng(5)
    gains = [rng.choice(difference, len(difference)).mean() for _ in range(4000)]
    np.testing.assert_allclose(
        pair.gain_interval(4000), np.quantile(gains, (0.025, 0.975)), atol=0.004
    )
    assert pair.gain_interval(200, seed=3) == pair.gain_interval(200, seed=3)


def check_left_out(tmp_path, message):
    """The run is refused by name, and left out of a search beside a good one."""
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        EvaluatedRun.load(tmp_path / "run")
    draw_coarse_run(tmp_path / "good")
    found = find_runs(tmp_path)
    assert [run.name for run in found.runs] == ["good"]
    assert found.left_out == (message,)


def again(tmp_path):
    return f"Run launch/evaluate.py --workdir={tmp_path}/run first."


def test_a_run_that_was_not_evaluated_is_refused(tmp_path):
    draw_fine_run(tmp_path / "run")
    (tmp_path / "run/report.json").unlink()
    message = (
        f"The run in {tmp_path}/run has not been evaluated: there is no {tmp_path}/run/report.json."
        f" {again(tmp_path)}"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        EvaluatedRun.load(tmp_path / "run")
    assert find_runs(tmp_path).runs == ()


def test_a_run_that_was_evaluated_too_early_is_refused(tmp_path):
    draw_fine_run(tmp_path / "run", step=4)
    check_left_out(
        tmp_path,
        f"The run in {tmp_path}/run was evaluated after 4 of 10 updates. Finish it, and evaluate "
        "it again.",
    )


def epochs_of(*accuracies, key="val_fine_top1"):
    """The metrics of epochs of 5 updates each, with these validation accuracies."""
    return [
        {"epoch": n, "step": 5 * n, "images_seen": 5 * n, "seconds": 1.0, key: accuracy}
        for n, accuracy in enumerate(accuracies, start=1)
    ]


@pytest.mark.parametrize("draw", [draw_fine_run, draw_coarse_run])
def test_a_run_that_was_evaluated_by_its_best_checkpoint_is_one(tmp_path, draw):
    key = "val_fine_top1" if draw is draw_fine_run else "val_coarse_top1"
    draw(tmp_path / "run", step=5, metrics=epochs_of(0.6, 0.6, key=key))
    assert EvaluatedRun.load(tmp_path / "run").checkpoint == "best"
    assert draw(tmp_path / "newest", metrics=epochs_of(0.6, 0.5, key=key)).checkpoint == "newest"


def test_a_run_whose_best_checkpoint_is_another_by_now_is_refused(tmp_path):
    draw_fine_run(tmp_path / "run", step=5, metrics=epochs_of(0.6, 0.7))
    check_left_out(
        tmp_path,
        f"The run in {tmp_path}/run was evaluated after 5 of 10 updates. Evaluate it again.",
    )


def test_a_run_that_is_not_finished_is_refused_whichever_checkpoint_was_evaluated(tmp_path):
    draw_fine_run(tmp_path / "run", step=5, metrics=epochs_of(0.6))
    check_left_out(
        tmp_path,
        f"The run in {tmp_path}/run was evaluated after 5 of 10 updates. Finish it, and evaluate "
        "it again.",
    )


def test_a_newest_and_a_best_checkpoint_are_no_pair(tmp_path):
    metrics = {"fine": epochs_of(0.6, 0.5), "coarse": epochs_of(0.6, 0.5, key="val_coarse_top1")}
    draw_coarse_run(tmp_path / "coarse", step=5, metrics=metrics["coarse"])
    draw_fine_run(tmp_path / "newest", metrics=metrics["fine"])
    draw_fine_run(tmp_path / "best", step=5, metrics=metrics["fine"])
    assert pairs_in(tmp_path) == [("best", "coarse")]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"coarse_top1_from_fine": None}, "coarse_top1_from_fine is None"),
        ({"coarse_top1": "most"}, "coarse_top1 is 'most'"),
        ({"training": 0.5}, "training is 0.5"),
        ({"views": "2"}, "views is '2'"),
        ({"test_fingerprint": None}, "test_fingerprint is None"),
    ],
)
def test_a_damaged_report_is_refused(tmp_path, change, problem):
    draw_fine_run(tmp_path / "run")
    path = tmp_path / "run/report.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    check_left_out(tmp_path, f"{path} is damaged: {problem}. {again(tmp_path)}")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (
            lambda d: d["best_fine"].__setitem__(0, 6),
            "best_fine holds no classes, or others than the 6 of the run's taxonomy",
        ),
        (
            lambda d: d.update(fine=d["fine"][:5]),
            "fine is of type int64 and shape (5,), expected a whole number for each of 600 images",
        ),
        (
            lambda d: d.update(coarse=d["coarse"] * 1.0),
            "coarse is of type float64 and shape "
            "(600,), expected a whole number for each of 600 images",
        ),
    ],
)
def test_damaged_decisions_are_refused(tmp_path, damage, problem):
    run = draw_fine_run(tmp_path / "run")
    content = {name: values.copy() for name, values in vars(run.decisions).items()}
    damage(content)
    np.savez(tmp_path / "run/decisions.npz", **content)
    path = tmp_path / "run/decisions.npz"
    check_left_out(tmp_path, f"{path} is damaged: {problem}. {again(tmp_path)}")


@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04 cut off"])
def test_decisions_that_are_no_arrays_are_refused(tmp_path, content):
    draw_fine_run(tmp_path / "run")
    (tmp_path / "run/decisions.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"run/decisions\.npz cannot be read: .* Run launch/eval"):
        EvaluatedRun.load(tmp_path / "run")


def test_folders_that_only_look_like_runs_are_left_out_and_named(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text('{"hidden_size": 768}')
    (tmp_path / "model/report.json").write_text("{}")
    draw_fine_run(tmp_path / "fine")
    draw_coarse_run(tmp_path / "coarse")
    assert pairs_in(tmp_path) == [("fine", "coarse")]
    (reason,) = find_runs(tmp_path).left_out
    assert reason.startswith(f"{tmp_path}/model/data.json cannot be read: ")


def test_a_search_in_no_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=re.escape(f"{tmp_path}/none is not a folder.")):
        find_runs(tmp_path / "none")


def test_a_confusion_matrix_counts_labels_by_row_and_best_classes_by_column(tmp_path):
    pair = worked_pair(tmp_path)
    expected = np.zeros((6, 6))
    expected[np.arange(6), [1, 1, 3, 3, 4, 4]] = 1
    np.testing.assert_array_equal(pair.fine.decisions.fine_confusion(6), expected)
    np.testing.assert_array_equal(
        pair.coarse.decisions.coarse_confusion(3), [[2, 1, 0], [0, 2, 0], [0, 0, 1]]
    )
    assert pair.fine.taxonomy == TAXONOMY


def test_a_search_in_a_folder_whose_name_is_too_long_is_refused(tmp_path):
    path = tmp_path / ("a" * 256)
    message = f"Folder {path}: File name too long. Use a shorter one."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        find_runs(path)
