"""The tables and figures of Chen 2018: which runs they are made of, and the published numbers.

Accuracies are of the best epoch on the test set, in percent; ratios are those of the authors'
notebook (`normalize="predicted"`).
"""

from collections.abc import Iterator, Sequence

from coarse2fine.errors import InputError
from coarse2fine.experiments.granularity import Published, Setting
from coarse2fine.experiments.setting import select
from coarse2fine.training.config import DEFAULTS, Config

_DATASETS = {
    "cifar10": "cifar10",
    "cifar100": "cifar100",
    "cifar100_animals": "cifar100",
    "cifar100_15": "cifar100",
    "cifar100_5": "cifar100",
    "imagenet_dog_cat": "imagenet2012",
    "imagenet_fruit_vegetable": "imagenet2012",
}

# Coarse training, fine training, ratio; then the two on the training images, where published.
_TASKS = {
    "cifar10": (98.42, 99.20, 0.123, 99.9, 100.0),
    "cifar100": (85.04, 85.05, 0.067, 100.0, 100.0),
    "cifar100_animals": (81.42, 83.44, 0.152, 100.0, 100.0),
    "cifar100_15": (85.14, 85.30, 0.083),
    "cifar100_5": (80.53, 83.22, 0.362),
    "imagenet_dog_cat": (92.68, 94.67, 0.233, 94.1, 95.3),
    "imagenet_fruit_vegetable": (89.65, 93.15, 0.435, 91.8, 95.4),
}
_FIVE = (
    "cifar10",
    "cifar100",
    "cifar100_animals",
    "imagenet_dog_cat",
    "imagenet_fruit_vegetable",
)

# Test accuracy at shares .2, .4, .6, .8 of the training images: coarse training, fine training.
_FRACTIONS = {
    "cifar10": ((96.65, 97.96, 98.33, 98.39), (97.78, 98.62, 98.97, 99.04)),
    "cifar100": ((68.99, 77.90, 81.74, 83.33), (71.51, 79.11, 81.92, 83.24)),
    "cifar100_animals": ((61.98, 71.92, 77.56, 79.49), (65.06, 73.40, 78.33, 80.72)),
    "imagenet_dog_cat": ((87.92, 91.04, 92.00, 92.76), (90.68, 93.08, 93.44, 93.84)),
    "imagenet_fruit_vegetable": ((84.42, 87.46, 88.62, 88.72), (88.40, 91.46, 91.88, 92.96)),
}

# Coarse training with the layer, fine training without it; as above.
_EXTRA_LAYER = {
    "cifar10": (98.50, 99.20, None, 99.9, 100.0),
    "cifar100": (86.33, 85.05, None, 100.0, 100.0),
    "cifar100_animals": (80.73, 83.44, None, 100.0, 100.0),
    "imagenet_dog_cat": (92.2, 94.87, None, 93.8, 95.3),
    "imagenet_fruit_vegetable": (89.67, 93.15, None, 91.7, 95.4),
}

_DROPOUT = {
    "cifar10": (98.48, 99.10, None, 99.9, 100.0),
    "imagenet_dog_cat": (92.80, 95.00, None, 94.3, 94.8),
    "imagenet_fruit_vegetable": (89.93, 93.86, None, 91.7, 95.0),
}

_MAPPINGS = (
    (98.42, 99.20, 0.132),
    (97.68, 98.64, 0.279),
    (96.95, 98.02, 0.568),
    (95.26, 97.20, 0.984),
    (93.44, 96.22, 2.279),
    (97.60, 98.51, 0.305),
    (95.90, 97.59, 0.763),
    (96.17, 97.54, 0.721),
    (94.15, 96.28, 2.142),
    (94.19, 96.16, 1.999),
)

_NOISE = {
    0.0: (98.42, 99.20, 0.132),
    0.01: (98.42, 98.94, 0.112),
    0.03: (98.42, 98.55, 0.096),
    0.1: (98.42, 98.12, 0.048),
    0.3: (98.42, 97.72, 0.027),
}


_OPTIONS = ("data_fraction", "fine_label_noise", "head_dropout", "extra_layer")


def _setting(task: str, name: str = "", published: tuple = (), **changes: object) -> Setting:
    plain = {option: DEFAULTS[option] for option in _OPTIONS}
    dataset = _DATASETS.get(task, "cifar10")
    changes = {"dataset": dataset, "taxonomy": task, **plain, **changes}
    return Setting(name or task, changes, Published(*published))


def _fractions() -> Iterator[Setting]:
    for task, accuracies in _FRACTIONS.items():
        for fraction, *both in zip((0.2, 0.4, 0.6, 0.8), *accuracies, strict=True):
            yield _setting(task, f"{task}/{fraction}", tuple(both), data_fraction=fraction)
        coarse_training, fine_training, _, *on_training = _TASKS[task]
        yield _setting(task, f"{task}/1.0", (coarse_training, fine_training, None, *on_training))


SETTINGS: dict[str, tuple[Setting, ...]] = {
    "table1": tuple(_setting(task, published=_TASKS[task]) for task in _FIVE),
    "figure2": tuple(_fractions()),
    "table4": tuple(
        _setting(task, f"{task}/extra_layer", published, extra_layer=True)
        for task, published in _EXTRA_LAYER.items()
    ),
    "table5": tuple(
        _setting(task, f"{task}/head_dropout", published, head_dropout=0.3)
        for task, published in _DROPOUT.items()
    ),
    "table6": tuple(
        _setting(f"cifar10_row{row}", published=published)
        for row, published in enumerate(_MAPPINGS, 1)
    ),
    "table7": tuple(
        _setting("cifar10", f"cifar10/noise_{rate}", published, fine_label_noise=rate)
        for rate, published in _NOISE.items()
    ),
    "table8": tuple(
        _setting(task, published=_TASKS[task])
        for task in ("cifar100_5", "cifar100_animals", "cifar100_15", "cifar100")
    ),
}
"""For each table or figure its settings, in the paper's order."""


def find_published(config: Config) -> Published:
    """What was published for a config's task, network options and share of the images, if any."""
    for settings in SETTINGS.values():
        for setting in settings:
            if all(getattr(config, name) == value for name, value in setting.changes.items()):
                return setting.published
    return Published()


def select_settings(
    tables: Sequence[str], names: Sequence[str] = (), extra_layer: bool = False
) -> tuple[Setting, ...]:
    """The settings of these tables, each once.

    Args:
        tables: keys of `SETTINGS`; none for the one setting of a config's own data.
        names: of the settings to keep, or of groups of them, as of `select`; all by default.
        extra_layer: of the run on coarse labels of one's own data.

    Raises:
        InputError: an unknown table or name, or an extra layer beside tables.
    """
    if tables and extra_layer:
        raise InputError(
            "extra_layer is given beside an experiment, whose settings have their own: choose "
            "experiment table4, or leave extra_layer out."
        )
    own = Setting("your data", {"extra_layer": True} if extra_layer else {})
    return select(SETTINGS, own, tables, names)
