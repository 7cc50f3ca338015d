"""The tables of Lei 2017: which comparisons they are made of, and the published numbers.

Accuracies are top-1 on the fine classes of the test set, in percent. Tables III and V set the
coarse_to_fine rows of Tables II and IV beside earlier work: their runs are the same.
"""

from collections.abc import Iterator, Sequence

from coarse2fine.experiments.comparison_setting import ComparisonSetting, PublishedComparison
from coarse2fine.experiments.setting import select

# Table I: baseline, coarse and fine, upper bound.
_CIFAR100 = {"nin": (51.28, 57.40, 64.32), "alexnet": (45.98, 49.15, 52.80)}

# Tables II and IV by the shares of S_fine and S_coarse.
_ILSVRC2010 = {
    "nin_imagenet": {
        (0.1, 0.5): (32.51, 50.77, 62.47),
        (0.2, 0.5): (43.90, 56.70, 64.11),
        (0.5, 0.1): (56.49, 62.53, 63.09),
        (0.5, 0.2): (56.49, 62.78, 63.54),
        (0.5, 0.5): (56.49, 65.97, 66.93),
    },
    "alexnet_imagenet": {
        (0.1, 0.5): (39.28, 58.43, 64.98),
        (0.2, 0.5): (50.58, 62.27, 65.45),
        (0.5, 0.1): (63.40, 64.19, 65.02),
        (0.5, 0.2): (63.40, 65.00, 65.94),
        (0.5, 0.5): (63.40, 67.23, 68.73),
    },
}

# Tables III and V: the forests of Ristin 2015 on the same images, of which no network is part.
_FORESTS = {
    (0.1, 0.5): 14.71,
    (0.2, 0.5): 16.37,
    (0.5, 0.1): 17.87,
    (0.5, 0.2): 18.13,
    (0.5, 0.5): 18.46,
}

_BY_FINE = ((0.1, 0.5), (0.2, 0.5), (0.5, 0.5))
_BY_COARSE = ((0.5, 0.1), (0.5, 0.2), (0.5, 0.5))


def _on_cifar100() -> Iterator[ComparisonSetting]:
    for backbone, published in _CIFAR100.items():
        task = {"dataset": "cifar100", "backbone": backbone}
        shares = {"fine_fraction": 0.5, "coarse_fraction": 0.5}
        yield ComparisonSetting(backbone, {**task, **shares}, PublishedComparison(*published))


def _on_ilsvrc2010(shares: Sequence[tuple[float, float]]) -> Iterator[ComparisonSetting]:
    for backbone, published in _ILSVRC2010.items():
        for fine, coarse in shares:
            yield ComparisonSetting(
                f"{backbone}/{fine}+{coarse}",
                {"backbone": backbone, "fine_fraction": fine, "coarse_fraction": coarse},
                PublishedComparison(*published[fine, coarse], _FORESTS[fine, coarse]),
            )


SETTINGS: dict[str, tuple[ComparisonSetting, ...]] = {
    "table1": tuple(_on_cifar100()),
    "table2": tuple(_on_ilsvrc2010(_BY_FINE)),
    "table3": tuple(_on_ilsvrc2010(_BY_FINE)),
    "table4": tuple(_on_ilsvrc2010(_BY_COARSE)),
    "table5": tuple(_on_ilsvrc2010(_BY_COARSE)),
}
"""For each table its settings, in the paper's order."""


def select_settings(
    tables: Sequence[str], names: Sequence[str] = ()
) -> tuple[ComparisonSetting, ...]:
    """The settings of these tables, each once.

    Args:
        tables: keys of `SETTINGS`; none for the one setting of a config's own data.
        names: of the settings to keep, or of groups of them (`nin_imagenet` for all with that
            network); all by default.

    Raises:
        InputError: an unknown table or name.
    """
    return select(SETTINGS, ComparisonSetting("your data"), tables, names)
