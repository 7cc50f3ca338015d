"""The published settings of Lei 2017: what they run, and the numbers beside them."""

import pytest

from coarse2fine.errors import InputError
from coarse2fine.experiments import ARMS
from coarse2fine.experiments.lei2017 import SETTINGS, select_settings
from coarse2fine.training import Config

BASE = Config(dataset="folder", image_size=224, preprocess="center", schedule="cosine")


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("table1", ["nin", "alexnet"]),
        *[
            (
                table,
                [f"{net}_imagenet/{row}" for net in ("nin", "alexnet") for row in rows],
            )
            for tables, rows in (
                (("table2", "table3"), ("0.1+0.5", "0.2+0.5", "0.5+0.5")),
                (("table4", "table5"), ("0.5+0.1", "0.5+0.2", "0.5+0.5")),
            )
            for table in tables
        ],
    ],
)
def test_tables_have_their_rows_in_the_papers_order(table, names):
    assert [setting.name for setting in SETTINGS[table]] == names


def test_a_settings_name_says_what_it_changes():
    for settings in SETTINGS.values():
        for setting in settings:
            network, _, shares = setting.name.partition("/")
            fine, coarse = shares.split("+") if shares else (0.5, 0.5)
            for arm in ARMS:
                config = setting.config(BASE, arm)
                assert (config.backbone, config.labels) == (network, ARMS[arm])
                assert config.fine_fraction == float(fine)
                # The baseline is the same run whatever S_coarse is.
                assert config.coarse_fraction == (0 if arm == "baseline" else float(coarse))


def test_each_folder_is_of_one_run():
    configs = {}
    for settings in SETTINGS.values():
        for setting in settings:
            for arm in ARMS:
                config = setting.config(BASE, arm).replace(steps=7)
                assert configs.setdefault(setting.folder(arm, config), config) == config
    # A table of CIFAR-100: two networks. Of ILSVRC2010: five pairs of shares, three baselines.
    assert len(configs) == 2 * 3 + 2 * (5 * 2 + 3)


@pytest.mark.parametrize(
    ("table", "name", "numbers", "gap"),
    [  # As the paper prints them; shares of the gap by hand.
        ("table1", "nin", (51.28, 57.40, 64.32, None), 6.12 / 13.04),
        ("table1", "alexnet", (45.98, 49.15, 52.80, None), 3.17 / 6.82),
        ("table2", "nin_imagenet/0.1+0.5", (32.51, 50.77, 62.47, 14.71), 18.26 / 29.96),
        ("table3", "alexnet_imagenet/0.2+0.5", (50.58, 62.27, 65.45, 16.37), 11.69 / 14.87),
        ("table4", "nin_imagenet/0.5+0.2", (56.49, 62.78, 63.54, 18.13), 6.29 / 7.05),
        ("table5", "alexnet_imagenet/0.5+0.1", (63.40, 64.19, 65.02, 17.87), 0.79 / 1.62),
        ("table5", "nin_imagenet/0.5+0.5", (56.49, 65.97, 66.93, 18.46), 9.48 / 10.44),
    ],
)
def test_numbers_are_the_published_ones(table, name, numbers, gap):
    (setting,) = select_settings([table], [name])
    published = setting.published
    assert numbers == (
        *(published.baseline, published.coarse_to_fine, published.oracle),
        published.forests,
    )
    assert published.gap_closed == pytest.approx(gap)


def test_the_row_that_two_tables_have_in_common_is_one_setting():
    names = [setting.name for setting in select_settings(["table2", "table4"])]
    assert len(names) == len(set(names)) == 10


def test_settings_are_chosen_by_name_or_network():
    chosen = select_settings(["table2", "table4"], ["nin_imagenet"])
    assert [setting.name for setting in chosen] == [
        *("nin_imagenet/0.1+0.5", "nin_imagenet/0.2+0.5", "nin_imagenet/0.5+0.5"),
        *("nin_imagenet/0.5+0.1", "nin_imagenet/0.5+0.2"),
    ]
    (one,) = select_settings(["table2"], ["alexnet_imagenet/0.1+0.5"])
    assert one.name == "alexnet_imagenet/0.1+0.5"
    assert [(s.name, s.changes) for s in select_settings([])] == [("your data", {})]


@pytest.mark.parametrize(
    ("tables", "names", "message"),
    [
        (
            ["table6"],
            [],
            "Unknown experiment 'table6'. Known: table1, table2, table3, table4, table5.",
        ),
        (["table1"], ["wide"], "Unknown setting 'wide'. Known: nin, alexnet."),
        ([], ["nin"], "Unknown setting 'nin'. Known: your data."),
    ],
)
def test_unknown_ones_are_refused_with_the_known(tables, names, message):
    with pytest.raises(InputError) as error:
        select_settings(tables, names)
    assert str(error.value) == message
