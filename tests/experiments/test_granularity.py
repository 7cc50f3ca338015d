"""Pairs of runs: which runs a setting is, what is shared, and what the table says."""

import json
import types

import pytest

from coarse2fine.errors import InputError
from coarse2fine.experiments import (
    SETTINGS,
    Granularity,
    Published,
    Setting,
    measure_granularity,
    select_settings,
)
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
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}

    def refuse(name, steps):
        raise AssertionError(f"{name} was trained again")

    again = measure_granularity(TINY, home, result.settings, refuse)
    assert again.table() == result.table()
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


def fake_pair(fine, coarse, ratio):
    run = types.SimpleNamespace
    return types.SimpleNamespace(
        fine=run(coarse_accuracy=fine),
        coarse=run(coarse_accuracy=coarse),
        gain=fine - coarse,
        ratio=ratio,
        gain_interval=lambda: (fine - coarse - 0.01, fine - coarse + 0.01),
    )


def test_the_table_shows_measured_beside_published_numbers():
    result = Granularity(
        (Setting("a", {}, Published(98.42, 99.20, 0.123)), Setting("b")),
        (fake_pair(0.61, 0.58, 0.2345), fake_pair(0.5, 0.52, None)),
    )
    assert result.table().splitlines()[2:] == [
        "| a | 58.00 | 61.00 | +3.00 | +2.00 to +4.00 | 0.234 | 98.42 | 99.20 | +0.78 | 0.123 |",
        "| b | 52.00 | 50.00 | -2.00 | -3.00 to -1.00 |  |  |  |  |  |",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": "fine"}, "labels is 'fine': the experiment sets the labels of its runs."),
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


class TestChen2018:
    def test_settings_are_configs_that_can_be_run(self):
        for settings in SETTINGS.values():
            for setting in settings:
                for labels in ("fine", "coarse"):
                    config = setting.config(TINY, labels)
                    assert config.labels == labels
                    assert config.taxonomy == setting.changes["taxonomy"]
                    json.dumps(setting.folder(labels))

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

    def test_settings_are_chosen_by_table_and_name(self):
        names = [s.name for s in select_settings(["table8", "figure2"], ["cifar100_animals/0.2"])]
        assert names == ["cifar100_animals/0.2"]
        assert [s.changes for s in select_settings([])] == [{}]

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
