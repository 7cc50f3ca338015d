"""Comparisons: the gap, the table, and which runs the arms are."""

import dataclasses
import importlib
import json

import pytest

from coarse2fine.errors import InputError
from coarse2fine.experiments import (
    ARMS,
    Arm,
    Comparison,
    Comparisons,
    ComparisonSetting,
    PublishedComparison,
    compare,
    compare_settings,
    with_seeds,
)
from coarse2fine.training import Config, load_split

# The package's name for it is the function.
compare_module = importlib.import_module("coarse2fine.experiments.compare")


# Of the arms of `comparison`.
COST = "| 1,000 / 1,000 / 2,000 | 128,000 / 128,000 / 256,000 | 1.0 / 1.0 / 20.6 |"


def comparison(baseline, coarse_to_fine, oracle, match="updates"):
    return Comparison(
        match,
        (
            Arm("baseline", baseline, steps=1000, images_seen=128000, seconds=59.6),
            Arm("coarse_to_fine", coarse_to_fine, steps=1000, images_seen=128000, seconds=60.2),
            Arm("oracle", oracle, steps=2000, images_seen=256000, seconds=1234.0),
        ),
    )


@pytest.mark.parametrize(
    ("accuracies", "gap_closed"),
    [
        ((0.50, 0.60, 0.75), 0.4),  # .10 of .25
        ((0.50, 0.50, 0.75), 0.0),
        ((0.50, 0.75, 0.75), 1.0),
        ((0.50, 0.80, 0.75), 1.2),  # Ahead of the oracle.
        ((0.50, 0.45, 0.75), -0.2),  # Behind the baseline.
        ((0.5128, 0.5740, 0.6432), 0.4693),  # Lei 2017, Table I, NIN.
    ],
)
def test_gap_closed_is_the_share_of_the_way_from_baseline_to_oracle(accuracies, gap_closed):
    assert comparison(*accuracies).gap_closed == pytest.approx(gap_closed, abs=1e-4)


@pytest.mark.parametrize("accuracies", [(0.5, 0.6, 0.5), (0.5, 0.6, 0.4)])
def test_where_the_oracle_is_not_ahead_there_is_no_gap(accuracies):
    assert comparison(*accuracies).gap_closed is None
    last = comparison(*accuracies).table().splitlines()[-1]
    assert last == "Gap closed: undefined: the oracle is not ahead of the baseline."


@pytest.mark.parametrize("match", ["updates", "epochs"])
def test_the_table_is_markdown_with_a_row_for_each_arm(match):
    assert comparison(0.5, 0.6, 0.75, match).table().splitlines() == [
        f"Every arm: the same number of {match}.",
        "",
        "| arm | fine top-1 | images seen | updates | training time |",
        "|---|---|---|---|---|",
        "| baseline | 50.00 % | 128,000 | 1,000 | 60 s |",
        "| coarse_to_fine | 60.00 % | 128,000 | 1,000 | 60 s |",
        "| oracle | 75.00 % | 256,000 | 2,000 | 1234 s |",
        "",
        "Gap closed: 40.0 %.",
    ]


def test_the_table_says_in_how_many_views_images_were_seen():
    result = dataclasses.replace(comparison(0.5, 0.6, 0.75), views=10)
    assert result.table().splitlines()[0] == (
        "Every arm: the same number of updates. 10 views of each test image."
    )


# 4 fine classes of 200 training images: 200 images in S_fine and 600 in S_coarse. In batches of 100
# a pass takes the baseline 2 updates, and the others, which see both parts, 8.
TINY = Config(
    dataset="shapes/2x2",
    width=0.05,
    fine_fraction=0.25,
    coarse_fraction=0.75,
    validation_fraction=0.0,
    batch_size=100,
    epochs=1,
    schedule="cosine",
    preprocess="standardize",
)
STEPS = {
    "updates": {"baseline": 8, "coarse_to_fine": 8, "oracle": 8},
    "epochs": {"baseline": 2, "coarse_to_fine": 8, "oracle": 8},
}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Both kinds of comparison in one workdir, and which runs each of them started."""
    home = tmp_path_factory.mktemp("compare") / "new"
    results, started, times = {}, {}, {}
    for match in ("updates", "epochs"):
        started[match] = []

        def note(name, steps, started=started[match]):
            started.append((name, steps))
            return ()

        results[match] = compare(TINY, home, match, note)
        times[match] = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    return home, results, started, times


@pytest.mark.parametrize("match", ["updates", "epochs"])
def test_arms_train_as_long_as_the_match_says(both, match):
    home, results, _, _ = both
    assert results[match].match == match
    assert [arm.name for arm in results[match].arms] == list(ARMS)
    for arm in results[match].arms:
        assert arm.steps == STEPS[match][arm.name]
        assert arm.images_seen == 100 * arm.steps
        config = json.loads((home / f"{arm.name}_{arm.steps}" / "config.json").read_text())
        expected = TINY.replace(labels=ARMS[arm.name], epochs=None, steps=arm.steps)
        assert config == json.loads(json.dumps(dataclasses.asdict(expected)))
        report = json.loads((home / f"{arm.name}_{arm.steps}" / "report.json").read_text())
        assert report["num_images"] == 400, "the whole test set"
        assert arm.fine_top1 == report["fine_top1"]


def test_arms_have_one_partition(both):
    home = both[0]
    partitions = {path.read_bytes() for path in home.glob("*/partition.npz")}
    assert len(list(home.glob("*/partition.npz"))) == 4
    assert len(partitions) == 1


def test_two_comparisons_in_one_workdir_share_coarse_to_fine_and_oracle(both):
    home, _, started, times = both
    assert started["updates"] == [("baseline_8", 8), ("coarse_to_fine_8", 8), ("oracle_8", 8)]
    assert started["epochs"] == [("baseline_2", 2)]
    shared = [
        path
        for name in ("coarse_to_fine_8", "oracle_8", "baseline_8")
        for path in (home / name).rglob("*")
        if path.is_file() and path.name not in ("lock", "report.json", "decisions.npz")
    ]
    assert {"config.json", "metrics.jsonl", "step-8.npz"} <= {path.name for path in shared}
    for path in shared:
        assert times["updates"][path] == times["epochs"][path], path


def test_each_kind_leaves_its_file_and_a_folder_for_each_run(both):
    home, results, _, _ = both
    assert {path.name for path in home.iterdir()} == {
        *("comparison_updates.json", "comparison_epochs.json"),
        *("baseline_2", "baseline_8", "coarse_to_fine_8", "oracle_8"),
    }
    for match, result in results.items():
        content = json.loads((home / f"comparison_{match}.json").read_text())
        assert content == {
            "match": match,
            "arms": [dataclasses.asdict(arm) for arm in result.arms],
            "views": 1,
            "gap_closed": result.gap_closed,
        }


@pytest.mark.parametrize(
    ("changes", "match", "message"),
    [
        (
            {"labels": "oracle"},
            "updates",
            "labels is 'oracle': a comparison sets the labels of its arms.",
        ),
        ({}, "hours", "Unknown match 'hours'. Known: updates, epochs."),
        (
            {"epochs": None, "steps": 5},
            "epochs",
            "match=epochs needs epochs; steps would be the same for every arm.",
        ),
    ],
)
def test_refuses_what_cannot_be_compared_and_writes_nothing(tmp_path, changes, match, message):
    with pytest.raises(InputError) as error:
        compare(TINY.replace(**changes), tmp_path / "new", match)
    assert str(error.value) == message
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def settings_compared(tmp_path_factory):
    """Three settings, two of which differ in S_coarse alone; the result, and what was started."""
    home, started = tmp_path_factory.mktemp("settings"), []
    settings = tuple(
        ComparisonSetting(f"{fine}+{coarse}", {"fine_fraction": fine, "coarse_fraction": coarse})
        for fine, coarse in ((0.5, 0.5), (0.5, 0.25), (0.25, 0.5))
    )

    def note(name, steps):
        started.append((name, steps))
        return ()

    base = TINY.replace(fine_fraction=None, coarse_fraction=None)
    return home, compare_settings(base, home, settings, "epochs", note), started


def test_settings_have_folders_of_their_own_and_share_the_baseline_that_is_theirs(
    settings_compared,
):
    home, result, started = settings_compared
    # Of 800 images each class gives .5 or .25 to a part; batches of 100.
    assert started == [
        ("fine_fraction=0.5_baseline_4", 4),
        ("fine_fraction=0.5_coarse_fraction=0.5_coarse_to_fine_8", 8),
        ("fine_fraction=0.5_coarse_fraction=0.5_oracle_8", 8),
        ("fine_fraction=0.5_coarse_fraction=0.25_coarse_to_fine_6", 6),
        ("fine_fraction=0.5_coarse_fraction=0.25_oracle_6", 6),
        ("fine_fraction=0.25_baseline_2", 2),
        ("fine_fraction=0.25_coarse_fraction=0.5_coarse_to_fine_6", 6),
        ("fine_fraction=0.25_coarse_fraction=0.5_oracle_6", 6),
    ]
    first, second, _ = result.comparisons
    assert first.arms[0] == second.arms[0]
    for (fine, coarse), comparison in zip(
        ((0.5, 0.5), (0.5, 0.25), (0.25, 0.5)), result.comparisons, strict=True
    ):
        path = home / f"fine_fraction={fine}_coarse_fraction={coarse}_comparison_epochs.json"
        content = json.loads(path.read_text())
        assert content["arms"] == [dataclasses.asdict(arm) for arm in comparison.arms]
        assert [arm.name for arm in comparison.arms] == list(ARMS)


def test_a_settings_arms_learn_from_its_shares(settings_compared):
    home = settings_compared[0]
    for name, fine, coarse in (
        ("fine_fraction=0.5_baseline_4", 400, 0),
        ("fine_fraction=0.5_coarse_fraction=0.25_coarse_to_fine_6", 400, 200),
        ("fine_fraction=0.25_coarse_fraction=0.5_oracle_6", 200, 400),
    ):
        counts = json.loads((home / name / "data.json").read_text())["images"]
        assert counts == {"fine_labelled": fine, "coarse_only": coarse, "validation": 0}


def test_settings_that_are_finished_are_neither_trained_nor_evaluated_again(settings_compared):
    home, result, _ = settings_compared

    def times():
        paths = (path for path in home.glob("*/*") if path.name != "lock")
        return {path: path.stat().st_mtime_ns for path in paths}

    def refuse(name, steps):
        raise AssertionError(f"{name} was trained again")

    before, base = times(), TINY.replace(fine_fraction=None, coarse_fraction=None)
    again = compare_settings(base, home, result.settings, "epochs", refuse)
    assert again == result
    assert times() == before


def test_each_setting_has_its_own_images(tmp_path, monkeypatch):
    seen = []

    def run_arm(arm, config, folder, callbacks, views, training, test):
        seen.append((config.seed, training.fingerprint(), test.fingerprint()))
        return comparison(0.5, 0.6, 0.75).arms[0]

    monkeypatch.setattr(compare_module, "_run_arm", run_arm)
    settings = [ComparisonSetting(f"seed {seed}", {"seed": seed}) for seed in (0, 1)]
    (tmp_path / "home").mkdir()
    compare_settings(TINY, tmp_path / "home", settings)
    fingerprints = {
        seed: tuple(
            load_split(TINY.replace(seed=seed), split).fingerprint() for split in ("train", "test")
        )
        for seed in (0, 1)
    }
    assert fingerprints[0] != fingerprints[1]
    assert seen == [(seed, *fingerprints[seed]) for seed in (0, 1) for _ in ARMS]


def test_the_table_of_settings_shows_measured_beside_published_numbers():
    result = Comparisons(
        (
            ComparisonSetting("a", {}, PublishedComparison(51.28, 57.40, 64.32, 14.71)),
            ComparisonSetting("b", {}, PublishedComparison(baseline=3.0)),
        ),
        (comparison(0.5, 0.6, 0.75), comparison(0.5, 0.6, 0.5)),
    )
    assert result.table().splitlines() == [
        "| setting | baseline | coarse_to_fine | oracle | gap closed | published baseline "
        "| published coarse_to_fine | published oracle | published gap closed | Ristin 2015 "
        "| updates | images seen | minutes |",
        f"|{' --- |' * 13}",
        f"| a | 50.00 | 60.00 | 75.00 | 40.00 | 51.28 | 57.40 | 64.32 | 46.93 | 14.71 {COST}",
        f"| b | 50.00 | 60.00 | 50.00 |  | 3.00 |  |  |  |  {COST}",
    ]


def test_several_seeds_have_rows_of_their_own_and_one_of_their_mean_and_range():
    base = ComparisonSetting("a", {"fine_fraction": 0.5}, PublishedComparison(oracle=70.0))
    settings = with_seeds((base, ComparisonSetting("b")), (0, 3))
    assert [setting.changes for setting in settings] == [
        {"fine_fraction": 0.5, "seed": 0},
        {"fine_fraction": 0.5, "seed": 3},
        {"seed": 0},
        {"seed": 3},
    ]
    assert [
        setting.folder("oracle", TINY.replace(epochs=None, steps=2)) for setting in settings
    ] == [
        "fine_fraction=0.5_oracle_2",
        "fine_fraction=0.5_seed=3_oracle_2",
        "oracle_2",
        "seed=3_oracle_2",
    ]
    measured = [comparison(*each) for each in ((0.5, 0.6, 0.75), (0.4, 0.5, 0.6))]
    result = Comparisons(settings, (*measured, measured[0], comparison(0.5, 0.6, 0.5)))
    assert result.table().splitlines()[2:] == [
        f"| a, seed 0 | 50.00 | 60.00 | 75.00 | 40.00 | 70.00 {COST}",
        f"| a, seed 3 | 40.00 | 50.00 | 60.00 | 50.00 | 70.00 {COST}",
        f"| b, seed 0 | 50.00 | 60.00 | 75.00 | 40.00 |  {COST}",
        f"| b, seed 3 | 50.00 | 60.00 | 50.00 |  |  {COST}",
        "| a | 45.00 (40.00 to 50.00) | 55.00 (50.00 to 60.00) | 67.50 (60.00 to 75.00) "
        "| 45.00 (40.00 to 50.00) | 70.00 |  |  |  |",
        "| b | 50.00 (50.00 to 50.00) | 60.00 (60.00 to 60.00) | 62.50 (50.00 to 75.00) "
        "| 40.00 (1 of 2 seeds) |  |  |  |  |",
    ]


def test_what_is_the_same_for_all_arms_stands_in_a_table_once():
    arms = (Arm(arm, 0.5, steps=10, images_seen=1280, seconds=60.0) for arm in ARMS)
    result = Comparisons((ComparisonSetting("a"),), (Comparison("updates", tuple(arms)),))
    assert result.table().splitlines()[0].endswith("| updates | images seen | minutes |")
    assert result.table().splitlines()[2] == "| a | 50.00 | 50.00 | 50.00 | 10 | 1,280 | 1.0 |"


def test_refuses_a_seed_that_is_given_twice():
    with pytest.raises(InputError, match=r"^seeds are 0, 1, 0: one is given twice\.$"):
        with_seeds((ComparisonSetting("a"),), (0, 1, 0))


@pytest.mark.parametrize(
    ("given", "views", "message"),
    [
        (
            {"fine_fraction": 0.25},
            1,
            "fine_fraction is 0.25, but these settings have their own: half (0.5). Leave "
            "fine_fraction out, or choose other settings.",
        ),
        (
            {},
            10,
            "10 views are crops of image files, and the images of 'shapes/2x2' are in memory in "
            "one size. Use 1 or 2 views.",
        ),
        ({}, 3, "Unknown number of views '3'. Known: 1, 2, 10."),
        (  # Of the second setting, before the first one is trained.
            {"batch_size": 2},
            1,
            "A batch of 2 is too small for the ratio of 12 fine-labelled to 400 coarse-only "
            "images: some batches would hold none of one kind. Use batch_size >= 35, "
            "or a coarse_share nearer to .5.",
        ),
    ],
)
def test_refuses_what_a_setting_cannot_be_compared_with_before_it_trains(
    tmp_path, given, views, message
):
    base = TINY.replace(**{"fine_fraction": None, "coarse_fraction": None, **given})
    settings = [
        ComparisonSetting("half", {"fine_fraction": 0.5, "coarse_fraction": 0.5}),
        ComparisonSetting("few", {"fine_fraction": 0.0125, "coarse_fraction": 0.5}),
    ]
    if "fine_fraction" in given:
        settings = settings[:1]
    with pytest.raises(InputError) as error:
        compare_settings(base, tmp_path / "new", settings, views=views)
    assert str(error.value) == message
    assert not list(tmp_path.iterdir())
