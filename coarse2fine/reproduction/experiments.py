"""All tables and figures of both papers."""

from collections.abc import Iterator

from coarse2fine.experiments import chen2018, lei2017
from coarse2fine.experiments.chen2018 import SETTINGS as CHEN
from coarse2fine.experiments.lei2017 import SETTINGS as LEI
from coarse2fine.reproduction.comparisons import ComparisonTable, Guesses
from coarse2fine.reproduction.descriptions import Networks, Tasks
from coarse2fine.reproduction.experiment import Experiment
from coarse2fine.reproduction.pairs import (
    Confusion,
    Curves,
    Embeddings,
    Fractions,
    Gains,
    Pairs,
)
from coarse2fine.reproduction.sweep import Sweep

(_NIN,) = lei2017.select_settings(["table1"], ["nin"])
(_NIN_IMAGENET,) = lei2017.select_settings(["table2"], ["nin_imagenet/0.5+0.5"])
_CIFAR10 = tuple(chen2018.select_settings(["table1"], ["cifar10"]))

# Chen 2018, Table III: layers, filters of the widest, millions of parameters.
_WIDE, _DEEP, _NARROW = (26, 640, 36.5), (18, 512, 11.1), (18, 128, 0.7)
_NETWORKS = {
    "cifar10": _DEEP,
    "cifar100": _WIDE,
    "cifar100_animals": _WIDE,
    "imagenet_dog_cat": _NARROW,
    "imagenet_fruit_vegetable": _NARROW,
}

_WEIGHTS = (0.01, 0.1, 0.3, 1.0, 10.0)

# Figure 6 has a point for each task, those of Tables I and VIII.
_TASKS = tuple({s.name: s for s in (*CHEN["table1"], *CHEN["table8"])}.values())


def _all() -> Iterator[Experiment]:
    yield ComparisonTable("lei2017_table1", "Lei 2017, Table I: CIFAR-100", LEI["table1"])
    for number, numeral, what in (
        (2, "II", "more and more fine labels"),
        (3, "III", "the same beside Ristin 2015"),
        (4, "IV", "more and more coarse labels"),
        (5, "V", "the same beside Ristin 2015"),
    ):
        title = f"Lei 2017, Table {numeral}: ILSVRC2010, {what}"
        yield ComparisonTable(f"lei2017_table{number}", title, LEI[f"table{number}"])
    yield Sweep(
        "lei2017_figure5", "Lei 2017, Figure 5: the weight of the coarse loss", _NIN, _WEIGHTS
    )
    yield Guesses("lei2017_figure6", "Lei 2017, Figure 6: best guesses on CIFAR-100", _NIN)
    yield Guesses("lei2017_figure7", "Lei 2017, Figure 7: best guesses on ImageNet", _NIN_IMAGENET)
    yield Pairs("chen2018_table1", "Chen 2018, Table I: five tasks", CHEN["table1"])
    yield Tasks("chen2018_table2", "Chen 2018, Table II: classes of the tasks", CHEN["table1"])
    yield Networks("chen2018_table3", "Chen 2018, Table III: networks", CHEN["table1"], _NETWORKS)
    for number, numeral, what in (
        (4, "IV", "an extra layer for coarse labels"),
        (5, "V", "dropout before the last layer"),
        (6, "VI", "ten groupings of CIFAR-10"),
        (7, "VII", "noise in fine labels"),
        (8, "VIII", "more and more coarse classes"),
    ):
        title = f"Chen 2018, Table {numeral}: {what}"
        yield Pairs(f"chen2018_table{number}", title, CHEN[f"table{number}"])
    yield Fractions(
        "chen2018_figure2", "Chen 2018, Figure 2: more and more images", CHEN["figure2"]
    )
    yield Curves("chen2018_figure3", "Chen 2018, Figure 3: curves of training", CHEN["table1"])
    yield Embeddings("chen2018_figure4", "Chen 2018, Figure 4: features by t-SNE", _CIFAR10)
    yield Confusion("chen2018_figure5", "Chen 2018, Figure 5: confusion of CIFAR-10", _CIFAR10)
    yield Gains(
        "chen2018_figure6",
        "Chen 2018, Figure 6: gain against ratio, tasks",
        _TASKS,
        {"figure": _TASKS},
    )
    yield Gains(
        "chen2018_figure7",
        "Chen 2018, Figure 7: gain against ratio, groupings and noise",
        (*CHEN["table6"], *CHEN["table7"]),
        {"groupings": CHEN["table6"], "noise": CHEN["table7"]},
    )


EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in _all()}
"""By name, in the papers' order."""
