"""What a run is a pure function of."""

import dataclasses
import json
import pathlib
import typing
from typing import Any, Literal

from coarse2fine.errors import InputError, listed
from coarse2fine.files import write_json
from coarse2fine.training.config_problems import find_problems, to_seconds
from coarse2fine.training.config_types import find_type_problems


def _field(default: Any, help_text: str) -> Any:
    return dataclasses.field(default=default, metadata={"help": help_text})


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that decides a run's outcome; the defaults are Lei 2017's CIFAR recipe.

    Each field is a flag of the same name wherever something trains; its help text says what it
    means. Creating a config checks each value by itself and all of them together.

    Raises:
        InputError: values that cannot be used; one message lists them all.
    """

    dataset: str = _field(
        "shapes",
        "shapes, shapes/<coarse>x<fine of each>, folder or csv (image files; see data_dir), or an "
        "image set of TFDS (cifar100, ...).",
    )
    data_dir: str | None = _field(
        None,
        "Where a TFDS set was prepared; the folder of images, in folders <split>/<coarse>/<fine>; "
        "or the table with columns path, coarse, fine and perhaps split.",
    )
    image_size: int | None = _field(
        None, "Height and width of the crops that are seen of images, where these vary in size."
    )
    shorter_side: int | None = _field(
        None,
        "What the shorter side of such images is resized to before the crop; default 256 for 224, "
        "and in proportion.",
    )
    test_fraction: float | None = _field(
        None, "Share of each class that is the test set, where image files have no splits."
    )
    skip_bad_images: bool = _field(
        False,
        "In place of a training image that cannot be decoded show another of its class; they are "
        "listed in the workdir. Of a JPEG the part that is shown is decoded: damage below that is "
        "not seen.",
    )
    cache_dir: str | None = _field(
        None,
        "Folder that keeps, for later runs, which image files there are, and with cache_images the "
        "images decoded.",
    )
    cache_images: bool = _field(
        False,
        "Keep images in cache_dir with their shorter side resized, so that later passes and runs "
        "cut crops out of them and decode nothing; pixels may differ by 1 of 255 levels.",
    )
    taxonomy: str | None = _field(
        None,
        "Taxonomy file (.json or .csv) or task (cifar100_animals, ...), in place of the set's own: "
        "regroups, renames or drops its classes.",
    )
    backbone: str = _field(
        "nin",
        "Base network: nin, alexnet, fastnet, preact_resnet, wide_resnet, nin_imagenet, "
        "alexnet_imagenet, "
        "keras.applications.<network> (keras.applications.ResNet50, ...) without its classifier, "
        "or a .keras file of a network that ends in features.",
    )
    backbone_weights: str | None = _field(
        None,
        "File of weights (.weights.h5, .keras or .h5) that a backbone built by name starts from; "
        "default: random ones.",
    )
    width: float = _field(1.0, "Multiplies the backbone's channel counts.")
    dropout: float | None = _field(
        None, "Share that the backbone drops, in its own places; default: the network's own."
    )
    head_dropout: float = _field(
        0.0, "Share of the backbone's channels dropped before the class maps."
    )
    extra_layer: bool = _field(
        False, "One more linear layer of num_fine units before the class maps, with labels=coarse."
    )
    labels: Literal["mixed", "fine", "oracle", "coarse"] = _field(
        "mixed",
        "What to learn from: mixed (fine labels of S_fine, coarse labels of both parts), fine "
        "(S_fine alone), oracle (fine labels of both), coarse (coarse labels of both).",
    )
    fine_fraction: float | None = _field(
        None, "Share of each fine class in S_fine; default .5, or what the source says."
    )
    coarse_fraction: float | None = _field(
        None, "Share of each fine class in S_coarse; default .5, or what the source says."
    )
    data_fraction: float = _field(
        1.0,
        "Share of the training set that is used, class by class; a larger share contains a smaller "
        "one. The number of updates stays that of the whole set.",
    )
    fine_label_noise: float = _field(
        0.0,
        "Probability that a training image's fine label is replaced by a random one of the same "
        "coarse class.",
    )
    coarse_weight: float = _field(
        1.0, "Weight of the coarse loss, with labels=mixed: the paper's lambda."
    )
    coarse_supervision: Literal["min", "mean", "soft_min", "marginal"] = _field(
        "min",
        "How coarse scores follow from fine class maps, and so what coarse labels teach: min "
        "(siblings' maps pooled by their minimum, as in Lei 2017), mean, soft_min (between the "
        "two) or marginal (a coarse class has the sum of its children's probabilities).",
    )
    soft_min_temperature: float = _field(
        1.0, "Of coarse_supervision=soft_min: towards 0 the minimum, towards infinity the mean."
    )
    fine_term: Literal["batch", "labelled"] = _field(
        "batch",
        "What the fine losses of a batch are divided by, with labels=mixed: batch (its images, Lei "
        "2017, Eq. 7) or labelled (those with a fine label).",
    )
    coarse_term: Literal["all", "coarse_only"] = _field(
        "all",
        "Images whose coarse label has a loss, with labels=mixed: all (Lei 2017, Eq. 7) or "
        "coarse_only, those without a fine label.",
    )
    coarse_share: float | None = _field(
        None,
        "Share of coarse-only images in each batch, with labels=mixed; default: their share of the "
        "training images, the paper's ratio. An epoch still shows as many images as there are.",
    )
    final_coarse_share: float | None = _field(
        None,
        "What coarse_share changes to, on a straight line up to the last update; default: none.",
    )
    label_smoothing: float = _field(
        0.0, "Share of each label, on both levels, that is spread evenly over all classes."
    )
    validation_fraction: float = _field(0.1, "Share of S_fine set aside to choose settings.")
    batch_size: int | Literal["auto"] = _field(
        128,
        "Images an update; or auto: the largest number that fits the memory, at most all training "
        "images, found by trying.",
    )
    epochs: int | None = _field(
        None, "Passes over the run's training images, counted with data_fraction 1; default 55."
    )
    steps: int | None = _field(None, "Updates, in place of epochs.")
    optimizer: Literal["sgd", "muon"] = _field(
        "sgd",
        "sgd (with momentum .9, as in the papers) or muon: each kernel of the backbone takes an "
        "orthogonalised step of learning_rate times its norm, and keeps its norm; all else is "
        "sgd's, at 7 times the learning rate. For networks that normalise, such as fastnet.",
    )
    nesterov: bool = _field(False, "Momentum that looks ahead (Nesterov).")
    budget: str | None = _field(
        None,
        "Time for the updates, such as 20m, in place of epochs or steps: the speed of the first "
        "ones, which are then forgotten, makes a number of steps of it, which the run then has.",
    )
    schedule: Literal["plateau", "milestones", "cosine", "onecycle"] = _field(
        "plateau",
        "Learning rate: plateau (times plateau_factor when validation accuracy stalls), milestones "
        "(as --milestones says), cosine (to 0) or onecycle (from 1/25 of the rate up to it, then "
        "down to 1/250,000).",
    )
    plateau_patience: int = _field(
        5,
        "Epochs without a better validation accuracy that stall it, counted with data_fraction 1: "
        "a share of the images has as many more, and shorter, epochs.",
    )
    plateau_factor: float = _field(0.1, "What a plateau multiplies the learning rate by.")
    milestones: tuple[tuple[float, float], ...] = _field(
        (), "share:factor,... : from that share of the updates on, the learning rate times factor."
    )
    warmup: float = _field(
        None,
        "Share of the updates over which the learning rate rises; default 0, with onecycle .3.",
    )
    learning_rate: float = _field(0.01, "Initial learning rate.")
    weight_decay: float = _field(5e-4, "Joins the gradient before momentum, as in Caffe and Torch.")
    weight_decay_on: Literal["all", "kernels"] = _field(
        "all",
        "What decays: all weights, as in the papers, or all but biases and normalisation; with "
        "optimizer=muon no kernel of the backbone does.",
    )
    weight_decay_share: float = _field(1.0, "Share of the updates after which decay ends.")
    preprocess: Literal["gcn_zca", "standardize", "center", "own"] = _field(
        "gcn_zca",
        "gcn_zca (contrast normalisation and ZCA whitening), standardize (each channel) or center "
        "(each channel's mean off, as in Caffe), fitted on the run's own training images; or own: "
        "what a network of keras.applications was published with; for a .keras file nothing, the "
        "network gets values from 0 to 255.",
    )
    augment: Literal["none", "crop_flip", "random_crop", "random_resized_crop"] = _field(
        "none",
        "none; crop_flip (pad 4); or, of images that vary in size, random_crop (of image_size, "
        "from the resized image) or random_resized_crop (of random area and shape); all mirror.",
    )
    cutmix: float = _field(
        0.0,
        "Share of the training images that get a rectangle of another one of their batch, whose "
        "labels then count by its area (CutMix). For long runs, which see each image often.",
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = _field(
        "float32", "What the network computes in."
    )
    strategy: Literal["auto", "single", "mirrored", "multi_worker"] = _field(
        "auto",
        "single, mirrored (all GPUs, or all logical CPUs), multi_worker (all machines that the "
        "environment variable TF_CONFIG names), or auto: mirrored where more than one GPU is "
        "visible.",
    )
    logical_cpus: int | None = _field(
        None, "Parts that the CPU is taken as, a replica each, with strategy=mirrored and no GPU."
    )
    deterministic: bool | None = _field(
        None,
        "The same bits each time, from operations that are slower on a GPU; default: yes on a CPU, "
        "no on GPUs.",
    )
    synchronized_batch_norm: bool = _field(
        False,
        "Normalise over the batches of all replicas together, where each one's own is the default.",
    )
    seed: int = _field(
        0,
        "Of the drawings of shapes, the test set of test_fraction, the partition, the label noise, "
        "the order and the weights.",
    )
    refit: bool = _field(
        False,
        "After the run with validation, replay its learning rates from a fresh start on all "
        "training images.",
    )
    track_training_accuracy: bool = _field(
        False, "Measure the accuracy on training images, as they are, at the end of each epoch."
    )
    tracked_share: float = _field(
        0.1, "Share of the training images that it is measured on, drawn by the seed; 1 for all."
    )
    track_test_accuracy: bool = _field(
        False, "Measure the test accuracy at the end of each epoch; it chooses nothing."
    )
    checkpoint_every: str = _field(
        "5m", "Time between two checkpoints, such as 90s, 5m or 1h; there is one at the end, too."
    )
    checkpoint_every_steps: int | None = _field(
        None, "Updates between two checkpoints, beside those by time."
    )
    keep_checkpoints: int = _field(
        2, "How many of the newest checkpoints are kept, beside that of the best validation."
    )
    allow_unlabelled_classes: bool = _field(
        False, "Go on where fine classes have no fine-labelled image."
    )

    @property
    def backbone_is_file(self) -> bool:
        """Whether the backbone is a file's and not built by name."""
        return self.backbone.endswith(".keras")

    @property
    def images_per_step(self) -> int:
        """The batch size, once it is a number.

        Raises:
            InputError: it is still to be found.
        """
        if self.batch_size == "auto":
            raise InputError(
                "batch_size is auto, expected a number here: `train` finds it, and the config of "
                "the run that it returns has it."
            )
        return self.batch_size

    def __post_init__(self) -> None:
        problems = find_type_problems(vars(self), HINTS, DEFAULTS)
        if problems:
            raise InputError("The config cannot be used: " + "; ".join(problems) + ".")
        object.__setattr__(self, "milestones", tuple(map(tuple, self.milestones)))
        if self.warmup is None:
            object.__setattr__(self, "warmup", _default_warmup(self.schedule))
        problems = list(find_problems(self, DEFAULTS, CHOICES))
        if problems:
            raise InputError("The config cannot be used: " + "; ".join(problems) + ".")

    @property
    def checkpoint_every_seconds(self) -> float:
        """`checkpoint_every` in seconds."""
        return to_seconds(self.checkpoint_every)

    def replace(self, **changes: Any) -> "Config":
        """A copy with other values; another schedule brings its own default of `warmup`."""
        if "schedule" in changes and self.warmup == _default_warmup(self.schedule):
            changes = {"warmup": None, **changes}
        return dataclasses.replace(self, **changes)

    def save(self, path: pathlib.Path) -> None:
        """Writes the config as JSON."""
        write_json(path, dataclasses.asdict(self))

    @classmethod
    def load(cls, path: pathlib.Path) -> "Config":
        """Reads what `save` wrote.

        Raises:
            InputError: a file that is missing or is no config of this version.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{path} is not the config of a run: {error}.") from error
        if not isinstance(content, dict):
            raise InputError(f"{path} is not the config of a run: expected a JSON object.")
        unknown = sorted(content.keys() - DEFAULTS.keys())
        if unknown:
            raise InputError(
                f"{path} is not the config of a run: it has values that no config of this version "
                f"has, {listed(map(repr, unknown))}."
            )
        try:
            return cls(**content)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def differing(self, other: "Config") -> tuple[str, ...]:
        """The names of the values that make this another run than `other`'s."""
        return tuple(
            name
            for name in (field.name for field in dataclasses.fields(self))
            if name not in _NOT_DECIDING and getattr(self, name) != getattr(other, name)
        )

    def differences(self, other: "Config") -> list[str]:
        """`name: mine, not theirs` for each value that makes another run of `other`."""
        return [
            f"{name}: {getattr(self, name)!r}, not {getattr(other, name)!r}"
            for name in self.differing(other)
        ]


def _default_warmup(schedule: str) -> float:
    return 0.3 if schedule == "onecycle" else 0.0


# Where a run's data and what is kept of them lie, what it runs on and what is only watched do not
# make it another run.
_NOT_DECIDING = (
    "data_dir",
    "cache_dir",
    "strategy",
    "logical_cpus",
    "deterministic",
    "track_training_accuracy",
    "tracked_share",
    "track_test_accuracy",
    "checkpoint_every",
    "checkpoint_every_steps",
    "keep_checkpoints",
)

DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(Config)}

HINTS: dict[str, Any] = typing.get_type_hints(Config)

CHOICES: dict[str, tuple[str, ...]] = {
    name: typing.get_args(hint)
    for name, hint in HINTS.items()
    if typing.get_origin(hint) is Literal
}
