"""What is wrong with the values of a config, by themselves and together."""

import math
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

if typing.TYPE_CHECKING:
    from coarse2fine.training.config import Config

USED_WITH = {
    "extra_layer": ("coarse",),
    "coarse_weight": ("mixed",),
    "coarse_supervision": ("mixed", "fine", "oracle"),
    "soft_min_temperature": ("mixed", "fine", "oracle"),
    "fine_term": ("mixed",),
    "coarse_term": ("mixed",),
    "coarse_share": ("mixed",),
    "final_coarse_share": ("mixed",),
    "fine_label_noise": ("mixed", "fine", "oracle"),
}
"""The values that some kinds of labels alone use."""

LENGTHS = ("epochs", "steps", "budget")
"""What gives the length of a run, of which there is one."""

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(rf"[0-9]+(\.[0-9]+)?[{''.join(_SECONDS)}]")


def to_seconds(duration: str) -> float:
    """300.0 of `5m`."""
    return float(duration[:-1]) * _SECONDS[duration[-1]]


def find_problems(
    config: "Config", defaults: Mapping[str, Any], choices: Mapping[str, Sequence[str]]
) -> list[str]:
    """One clause for each problem.

    Args:
        config: the values.
        defaults: what a value is where it was not given, by name.
        choices: what a value can be, by name, where these are a few words.
    """
    return [
        *_choice_problems(config, choices),
        *_range_problems(config),
        *_unused_problems(config, defaults),
        *_schedule_problems(config),
        *_joint_problems(config),
    ]


def _choice_problems(config: "Config", choices: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name, known in choices.items():
        if getattr(config, name) not in known:
            yield f"{name} is {getattr(config, name)!r}, expected one of {', '.join(known)}"


def _is_count(value: int | None) -> bool:
    return value is None or value >= 1


def _is_share(value: float | None) -> bool:
    return value is None or 0 <= value <= 1


def _is_duration(text: str) -> bool:
    return bool(_DURATION.fullmatch(text)) and to_seconds(text) > 0


def _is_batch_size(size: int | str) -> bool:
    return size == "auto" if isinstance(size, str) else size >= 1


# Whether a value can be used, and what is expected of one that cannot; by name.
_RANGES = {
    "width": (lambda x: 0 < x < math.inf, "above 0"),
    "dropout": (lambda x: x is None or 0 <= x < 1, "0 or more and below 1"),
    "head_dropout": (lambda x: 0 <= x < 1, "0 or more and below 1"),
    "fine_fraction": (_is_share, "from 0 to 1"),
    "coarse_fraction": (_is_share, "from 0 to 1"),
    "data_fraction": (lambda x: 0 < x <= 1, "above 0 and at most 1"),
    "fine_label_noise": (_is_share, "from 0 to 1"),
    "coarse_weight": (lambda x: 0 <= x < math.inf, "0 or more"),
    "soft_min_temperature": (lambda x: 1e-30 <= x <= 1e30, "from 1e-30 to 1e30"),
    "coarse_share": (lambda x: x is None or 0 <= x < 1, "0 or more and below 1"),
    "final_coarse_share": (lambda x: x is None or 0 <= x < 1, "0 or more and below 1"),
    "label_smoothing": (lambda x: 0 <= x < 1, "0 or more and below 1"),
    "cutmix": (_is_share, "from 0 to 1"),
    "validation_fraction": (lambda x: 0 <= x < 1, "0 or more and below 1"),
    "image_size": (_is_count, "1 or more"),
    "shorter_side": (_is_count, "1 or more"),
    "test_fraction": (lambda x: x is None or 0 < x < 1, "between 0 and 1"),
    "batch_size": (_is_batch_size, "1 or more, or auto"),
    "epochs": (_is_count, "1 or more"),
    "steps": (_is_count, "1 or more"),
    "budget": (
        lambda x: x is None or _is_duration(x),
        "a number above 0 and s, m or h, such as 90s, 20m or 2h",
    ),
    "plateau_patience": (_is_count, "1 or more"),
    "plateau_factor": (lambda x: 0 < x < 1, "between 0 and 1"),
    "warmup": (lambda x: 0 <= x < 1, "0 or more and below 1"),
    "learning_rate": (lambda x: 0 < x < math.inf, "above 0"),
    "weight_decay": (lambda x: 0 <= x < math.inf, "0 or more"),
    "weight_decay_share": (_is_share, "from 0 to 1"),
    "tracked_share": (lambda x: 0 < x <= 1, "above 0 and at most 1"),
    "logical_cpus": (_is_count, "1 or more"),
    "checkpoint_every": (_is_duration, "a number above 0 and s, m or h, such as 90s, 5m or 1h"),
    "checkpoint_every_steps": (_is_count, "1 or more"),
    "keep_checkpoints": (_is_count, "1 or more"),
    "seed": (lambda x: 0 <= x < 2**31, "from 0 to 2147483647"),
}


def _range_problems(config: "Config") -> Iterator[str]:
    for name, (is_good, expected) in _RANGES.items():
        value = getattr(config, name)
        if not is_good(value):
            yield f"{name} is {value}, expected {expected}"


def _unused_problems(config: "Config", defaults: Mapping[str, Any]) -> Iterator[str]:
    by_name = not config.backbone_is_file
    is_ours = by_name and not config.backbone.startswith("keras.applications.")
    has_size = config.image_size is not None
    for name, needed, given in (
        ("backbone_weights", "a backbone that is built by name", by_name),
        ("width", "a backbone of this package", is_ours),
        ("dropout", "a backbone of this package", is_ours),
        ("precision", "a backbone that is built by name", by_name),
        ("shorter_side", "image_size", has_size),
        ("cache_images", "cache_dir and image_size", has_size and config.cache_dir is not None),
        *(
            (name, f"labels={_either(kinds)}", config.labels in kinds)
            for name, kinds in USED_WITH.items()
        ),
        (
            "soft_min_temperature",
            "coarse_supervision=soft_min",
            config.coarse_supervision == "soft_min",
        ),
        ("weight_decay_on", "weight_decay above 0", config.weight_decay > 0),
        ("final_coarse_share", "coarse_share", config.coarse_share is not None),
        ("plateau_patience", "schedule=plateau", config.schedule == "plateau"),
        ("plateau_factor", "schedule=plateau", config.schedule == "plateau"),
        ("milestones", "schedule=milestones", config.schedule == "milestones"),
        ("logical_cpus", "strategy=mirrored", config.strategy == "mirrored"),
        ("synchronized_batch_norm", "several replicas", config.strategy != "single"),
        ("tracked_share", "track_training_accuracy", config.track_training_accuracy),
    ):
        if not given and getattr(config, name) != defaults[name]:
            yield f"{name} is {getattr(config, name)}, and is used with {needed} alone"
    if config.preprocess == "own" and is_ours:
        yield (
            f"preprocess own is for networks of keras.applications and .keras files, and "
            f"backbone is {config.backbone!r}: choose gcn_zca, standardize or center"
        )


def _schedule_problems(config: "Config") -> Iterator[str]:
    lengths = {name: getattr(config, name) for name in LENGTHS}
    given = [f"{name} {value}" for name, value in lengths.items() if value is not None]
    if len(given) > 1:
        both = "both" if len(given) == 2 else "all"
        yield f"{' and '.join(given)} are {both} given, expected one"
    if config.schedule == "plateau" and config.validation_fraction == 0:
        yield (
            "schedule plateau needs validation images: raise validation_fraction, or choose "
            "milestones, cosine or onecycle"
        )
    if config.refit and config.schedule != "plateau":
        yield (
            f"refit replays what a plateau found, and schedule {config.schedule} finds nothing: "
            "set validation_fraction to 0 instead"
        )
    shares = [share for share, _ in config.milestones]
    if shares != sorted(set(shares)) or not all(0 < share < 1 for share in shares):
        yield f"milestones stand at {shares}, expected rising shares between 0 and 1"
    factors = [factor for _, factor in config.milestones]
    if not all(0 <= factor < math.inf for factor in factors):
        yield f"milestones have factors {factors}, expected 0 or more"


def _joint_problems(config: "Config") -> Iterator[str]:
    if config.strategy == "multi_worker" and config.batch_size == "auto":
        yield "batch_size is auto, expected a number with strategy multi_worker"
    if config.strategy == "multi_worker" and config.budget is not None:
        yield f"budget is {config.budget}, expected epochs or steps with strategy multi_worker"
    if config.cache_images and config.augment == "random_resized_crop":
        yield (
            "cache_images keeps resized images, and augment random_resized_crop cuts windows "
            "out of images in their own size: choose random_crop, or leave cache_images out"
        )


def _either(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(", ".join(words).rsplit(", ", 1))
