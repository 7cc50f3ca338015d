"""Pairs of runs: which runs a setting is, what is shared, and what the table says."""

import json
import types

import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.evaluation.pairs import Pair
from coarse2fine.experiments import (
    SETTINGS,
    Granularity,
    Published,
    Setting,
    latest_splits,
    measure_granularity,
    select_settings,
)
from coarse2fine.experiments.advise import published_evidence
from coarse2fine.experiments.chen2018 import find_published
from coarse2fine.files import write_json
from coarse2fine.training import Config

TINY = Config(
    dataset="shapes/2x2",
    width=0.05,
    validation_fraction=0.0,
    batch_size=100,
    epochs=1,
    schedule="cosine",
    preprocess="standardize",
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Settings that have runs in common, and which runs were started."""
    home, started = tmp_path_factory.mktemp("granularity") / "new", []
    settings = (
        Setting("all"),
        Setting("half", {"data_fraction": 0.5}),
        Setting("whole again", {"data_fraction": 1.0}),
        Setting("noisy", {"fine_label_noise": 0.5}),
        Setting("deeper", {"extra_layer": True}),
    )

    def note(name, steps):
        started.append((name, steps))
        return ()

    return home, measure_granularity(TINY, home, settings, note, training=True), started


def test_runs_that_settings_have_in_common_are_run_once(measured):
    _, _, started = measured
    # 4 fine classes of 200 images, batches of 100: 8 updates, however few the images.
    assert started == [
        ("coarse", 8),
        ("fine", 8),
        ("data_fraction=0.5_coarse", 8),
        ("data_fraction=0.5_fine", 8),
        ("fine_label_noise=0.5_fine", 8),
        ("extra_layer=True_coarse", 8),
    ]


def test_both_runs_of_a_pair_learn_from_the_same_images(measured):
    _, result, _ = measured
    for setting, pair in zip(result.settings, result.pairs, strict=True):
        total = 400 if setting.name == "half" else 800
        for run in (pair.fine, pair.coarse):
            counts = run.data["images"]
            assert counts == {"fine_labelled": total, "coarse_only": 0, "validation": 0}
            assert run.report["training"]["num_images"] == total
        assert pair.fine.config.labels == "fine"
        assert pair.coarse.config.labels == "coarse"


def test_what_a_kind_of_labels_does_not_use_is_not_asked_of_it(measured):
    _, result, _ = measured
    pairs = {s.name: pair for s, pair in zip(result.settings, result.pairs, strict=True)}
    assert pairs["noisy"].fine.config.fine_label_noise == 0.5
    assert pairs["noisy"].coarse.config.fine_label_noise == 0
    assert pairs["noisy"].fine.report["fine_labels_changed"] > 100
    assert pairs["deeper"].coarse.config.extra_layer
    assert not pairs["deeper"].fine.config.extra_layer


def test_a_second_call_trains_nothing_and_gives_the_same(measured):
    home, result, _ = measured

    def times():
        paths = (path for path in home.rglob("*") if path.name != "lock")
        return {path: path.stat().st_mtime_ns for path in paths}

    before = times()

    def refuse(name, steps):
        raise AssertionError(f"{name} was trained again")

    again = measure_granularity(TINY, home, result.settings, refuse)
    assert again.table() == result.table()
    assert times() == before


def fake_pair(fine, coarse, ratio, training=None):
    def run(accuracy):
        is_right = np.arange(100) < 100 * accuracy
        return types.SimpleNamespace(
            coarse_accuracy=accuracy,
            training_accuracy=training,
            confusion_ratio=ratio,
            is_coarse_right=lambda: is_right,
        )

    return Pair(run(fine), run(coarse))


def test_the_table_shows_measured_beside_published_numbers():
    pairs = (fake_pair(0.61, 0.58, 0.2345, training=0.9), fake_pair(0.5, 0.52, None))
    intervals = [" to ".join(f"{100 * end:+.2f}" for end in pair.gain_interval()) for pair in pairs]
    result = Granularity(
        (Setting("a", {}, Published(98.42, 99.20, 0.123, 99.9, 100.0)), Setting("b")),
        pairs,
        (0, 1200),
    )
    assert result.table().splitlines() == [
        "| setting | A_CC | A_FC | gain | 95 % of test sets | ACR | training A_CC | training A_FC "
        "| left out, without a fine label | published A_CC | published A_FC | published gain "
        "| published ACR | published training A_CC | published training A_FC |",
        f"|{' --- |' * 15}",
        f"| a | 58.00 | 61.00 | +3.00 | {intervals[0]} | 0.234 | 90.00 | 90.00 |  "
        "| 98.42 | 99.20 | +0.78 | 0.123 | 99.9 | 100.0 |",
        f"| b | 52.00 | 50.00 | -2.00 | {intervals[1]} |  |  |  | 1,200 |  |  |  |  |  |  |",
    ]


def test_columns_without_a_number_are_left_out():
    table = Granularity((Setting("b"),), (fake_pair(0.5, 0.52, 0.25),), (0,)).table()
    assert table.splitlines()[0] == "| setting | A_CC | A_FC | gain | 95 % of test sets | ACR |"


def test_an_evaluation_without_the_training_images_is_made_again_where_they_are_asked_for(
    tmp_path,
):
    (before,) = measure_granularity(TINY, tmp_path).pairs
    assert before.fine.training_accuracy is None
    (after,) = measure_granularity(TINY, tmp_path, training=True).pairs
    assert after.fine.training_accuracy is not None
    assert after.fine.coarse_accuracy == before.fine.coarse_accuracy


def test_an_evaluation_of_other_test_images_or_in_ten_views_is_made_again(tmp_path):
    (before,) = measure_granularity(TINY, tmp_path).pairs
    sound = json.loads((tmp_path / "fine/report.json").read_text())
    for change in ({"views": 10}, {"test_fingerprint": "of others"}):
        write_json(tmp_path / "fine/report.json", {**sound, **change})
        (after,) = measure_granularity(TINY, tmp_path).pairs
        assert after.fine.report == before.fine.report


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": "fine"}, "labels is 'fine': the experiment sets those of its runs."),
        (
            {"coarse_fraction": 0.5},
            "coarse_fraction is 0.5: fine and coarse labels are compared on the same images, so "
            "every image keeps its fine label. Leave coarse_fraction out.",
        ),
    ],
)
def test_refuses_what_would_not_be_a_pair_and_writes_nothing(tmp_path, changes, message):
    with pytest.raises(InputError) as error:
        measure_granularity(TINY.replace(**changes), tmp_path / "new")
    assert str(error.value) == message
    assert not list(tmp_path.iterdir())


def test_what_a_setting_sets_may_not_be_given_another_value(tmp_path):
    config = TINY.replace(data_fraction=0.4)
    with pytest.raises(InputError) as error:
        measure_granularity(config, tmp_path / "new", [Setting("half", {"data_fraction": 0.5})])
    assert str(error.value) == (
        "data_fraction is 0.4, but these settings have their own: half (0.5). Leave data_fraction "
        "out, or choose other settings."
    )
    assert not list(tmp_path.iterdir())


def test_noise_on_ones_own_data_is_that_of_the_fine_labels(tmp_path):
    (pair,) = measure_granularity(TINY.replace(fine_label_noise=0.4), tmp_path).pairs
    assert pair.fine.config.fine_label_noise == 0.4
    assert pair.coarse.config.fine_label_noise == 0


def test_what_neither_run_uses_is_refused(tmp_path):
    with pytest.raises(InputError) as error:
        measure_granularity(TINY.replace(coarse_weight=0.5), tmp_path / "new")
    assert str(error.value) == (
        "The config cannot be used: coarse_weight is 0.5, and is used with labels=mixed alone."
    )


def test_images_without_a_fine_label_are_in_neither_run_and_counted(tmp_path, monkeypatch):
    def load_split(config, split):
        source = load_all(config, split)
        if split == "test":
            return source
        return source.with_fine(np.where(np.arange(len(source)) % 8 < 3, -1, source.fine))

    load_all = latest_splits.load_split
    monkeypatch.setattr(latest_splits, "load_split", load_split)
    result = measure_granularity(TINY, tmp_path)
    assert result.without_fine == (300,)
    for run in (result.pairs[0].fine, result.pairs[0].coarse):
        assert run.data["images"] == {"fine_labelled": 500, "coarse_only": 0, "validation": 0}
    assert "| left out, without a fine label |" in result.table()


class TestChen2018:
    def test_settings_fix_all_that_any_of_them_changes(self):
        names = {name for settings in SETTINGS.values() for s in settings for name in s.changes}
        for settings in SETTINGS.values():
            for setting in settings:
                assert set(setting.changes) == names
                for labels in ("fine", "coarse"):
                    config = setting.config(TINY.replace(dataset="shapes"), labels)
                    unused = {"fine": "extra_layer", "coarse": "fine_label_noise"}[labels]
                    for name, value in setting.changes.items():
                        assert getattr(config, name) == value or name == unused

    def test_another_networks_data_sets_are_refused(self, tmp_path):
        with pytest.raises(InputError) as error:
            measure_granularity(
                TINY.replace(dataset="cifar100"), tmp_path, select_settings(["table5"])
            )
        assert str(error.value) == (
            "dataset is cifar100, but these settings have their own: cifar10/head_dropout "
            "(cifar10), imagenet_dog_cat/head_dropout (imagenet2012), "
            "imagenet_fruit_vegetable/head_dropout (imagenet2012). Leave dataset out, or choose "
            "other settings."
        )

    def test_each_folder_is_of_one_run(self):
        configs = {}
        for settings in SETTINGS.values():
            for setting in settings:
                for labels in ("fine", "coarse"):
                    config = setting.config(TINY, labels)
                    assert configs.setdefault(setting.folder(labels), config) == config

    def test_tables_have_their_rows(self):
        counts = {name: len(settings) for name, settings in SETTINGS.items()}
        assert counts == {
            **{"table1": 5, "figure2": 25, "table4": 5, "table5": 3},
            **{"table6": 10, "table7": 5, "table8": 4},
        }

    @pytest.mark.parametrize(
        ("table", "name", "gain"),
        [  # As the paper prints them.
            ("table8", "cifar100_5", 2.69),
            ("table8", "cifar100", 0.01),
            ("table6", "cifar10_row5", 2.78),
            ("table1", "imagenet_fruit_vegetable", 3.5),
            ("table4", "cifar100/extra_layer", 85.05 - 86.33),
        ],
    )
    def test_gains_are_the_published_ones(self, table, name, gain):
        (setting,) = select_settings([table], [name])
        assert setting.published.gain == pytest.approx(gain)

    @pytest.mark.parametrize(
        ("table", "name", "on_training"),
        [  # As the paper prints them.
            ("table1", "cifar10", (99.9, 100.0)),
            ("table1", "imagenet_dog_cat", (94.1, 95.3)),
            ("figure2", "imagenet_fruit_vegetable/1.0", (91.8, 95.4)),
            ("figure2", "cifar100/0.2", (None, None)),
            ("table4", "imagenet_dog_cat/extra_layer", (93.8, 95.3)),
            ("table5", "imagenet_fruit_vegetable/head_dropout", (91.7, 95.0)),
            ("table8", "cifar100_5", (None, None)),
        ],
    )
    def test_training_accuracies_are_the_published_ones(self, table, name, on_training):
        (setting,) = select_settings([table], [name])
        published = setting.published
        assert (published.coarse_on_training, published.fine_on_training) == on_training

    def test_an_extra_layer_is_of_ones_own_data_alone(self):
        (setting,) = select_settings([], extra_layer=True)
        assert setting.config(TINY, "coarse").extra_layer
        assert not setting.config(TINY, "fine").extra_layer
        with pytest.raises(InputError) as error:
            select_settings(["table4"], extra_layer=True)
        assert str(error.value) == (
            "extra_layer is given beside an experiment, whose settings have their own: choose "
            "experiment table4, or leave extra_layer out."
        )

    def test_settings_are_chosen_by_table_and_name(self):
        names = [s.name for s in select_settings(["table8", "figure2"], ["cifar100_animals/0.2"])]
        assert names == ["cifar100_animals/0.2"]
        assert [s.changes for s in select_settings([])] == [{}]
        names = [s.name for s in select_settings(["table1", "table8"])]
        assert len(names) == len(set(names)) == 7

    @pytest.mark.parametrize(
        ("changes", "published"),
        [
            ({}, (85.04, 85.05)),
            ({"data_fraction": 0.2}, (68.99, 71.51)),
            ({"labels": "coarse", "extra_layer": True}, (86.33, 85.05)),
            ({"labels": "coarse", "extra_layer": True, "data_fraction": 0.2}, (None, None)),
            ({"head_dropout": 0.3}, (None, None)),
            ({"taxonomy": "pets.csv"}, (None, None)),
        ],
    )
    def test_published_numbers_are_found_by_what_was_run(self, changes, published):
        base = Config(dataset="cifar100", taxonomy="cifar100", labels="fine")
        found = find_published(base.replace(**changes))
        assert (found.coarse_training, found.fine_training) == published

    def test_evidence_is_of_each_task_once(self):
        evidence = published_evidence()
        assert len(evidence) == len({e.name for e in evidence}) == 16
        assert all(e.published for e in evidence)
        gains = {e.name: (e.ratio, e.gain) for e in evidence}
        assert gains["cifar10"] == (0.123, pytest.approx(0.0078))
        assert gains["cifar10_row5"] == (2.279, pytest.approx(0.0278))

    @pytest.mark.parametrize(
        ("tables", "names", "message"),
        [
            (
                ["table9"],
                [],
                "Unknown experiment 'table9'. Known: table1, figure2, table4, table5, table6, "
                "table7, table8.",
            ),
            (
                ["table8"],
                ["cifar10"],
                "Unknown setting 'cifar10'. Known: cifar100_5, cifar100_animals, cifar100_15, "
                "cifar100.",
            ),
        ],
    )
    def test_unknown_ones_are_refused_with_the_known(self, tables, names, message):
        with pytest.raises(InputError) as error:
            select_settings(tables, names)
        assert str(error.value) == message
