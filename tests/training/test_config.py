"""What a run is a pure function of: written, compared, and refused."""

import dataclasses
import json
import re

import numpy as np
import pytest

from coarse2fine import model
from coarse2fine.data import ArraySource, pipeline
from coarse2fine.data.pipeline import AUGMENT
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import CHOICES, Config, strategy
from coarse2fine.training.preprocessing import STATISTICS, fit_preprocessing, make_preprocessing

# A value of every field, another one wherever it can stand beside the others.
OTHER = {
    "dataset": "cifar100",
    "data_dir": "/data",
    "image_size": 64,
    "shorter_side": 80,
    "test_fraction": 0.2,
    "skip_bad_images": True,
    "cache_dir": "/cache",
    "checkpoint_every": "90s",
    "checkpoint_every_steps": 9,
    "keep_checkpoints": 3,
    "cache_images": True,
    "taxonomy": "pets.csv",
    "backbone": "alexnet",
    "backbone_weights": "start.weights.h5",
    "width": 0.5,
    "dropout": 0.4,
    "head_dropout": 0.3,
    "extra_layer": False,
    "labels": "oracle",
    "fine_fraction": 0.2,
    "coarse_fraction": 0.3,
    "data_fraction": 0.4,
    "fine_label_noise": 0.1,
    "coarse_weight": 1.0,
    "coarse_supervision": "min",
    "soft_min_temperature": 1.0,
    "fine_term": "batch",
    "coarse_term": "all",
    "coarse_share": None,
    "final_coarse_share": None,
    "label_smoothing": 0.1,
    "cutmix": 0.5,
    "validation_fraction": 0.0,
    "batch_size": 64,
    "epochs": None,
    "steps": 7,
    "optimizer": "muon",
    "nesterov": True,
    "budget": None,
    "schedule": "milestones",
    "plateau_patience": 5,
    "plateau_factor": 0.1,
    "milestones": ((0.5, 0.1), (0.75, 0.01)),
    "warmup": 0.0,
    "learning_rate": 0.1,
    "weight_decay": 0.001,
    "weight_decay_on": "kernels",
    "weight_decay_share": 0.5,
    "preprocess": "standardize",
    "augment": "crop_flip",
    "precision": "mixed_bfloat16",
    "strategy": "mirrored",
    "logical_cpus": 2,
    "deterministic": False,
    "synchronized_batch_norm": True,
    "seed": 3,
    "refit": False,
    "allow_unlabelled_classes": True,
    "track_training_accuracy": True,
    "tracked_share": 0.5,
    "track_test_accuracy": True,
}


def check_refused(problems, **values):
    message = f"The config cannot be used: {problems}."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Config(**values)


@pytest.mark.parametrize("config", [Config(), Config(**OTHER), Config(refit=True, epochs=3)])
def test_a_saved_config_is_read_back(tmp_path, config):
    config.save(tmp_path / "config.json")
    assert Config.load(tmp_path / "config.json") == config
    assert hash(Config.load(tmp_path / "config.json")) == hash(config)


def test_every_field_has_a_help_text():
    for field in dataclasses.fields(Config):
        assert field.metadata["help"].endswith("."), field.name


def test_a_batch_size_that_is_to_be_found_is_no_number_yet(tmp_path):
    Config(batch_size="auto").save(tmp_path / "config.json")
    config = Config.load(tmp_path / "config.json")
    assert config.batch_size == "auto"
    message = (
        "batch_size is auto, expected a number here: `train` finds it, and the config of the run "
        "that it returns has it."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        _ = config.images_per_step
    assert config.replace(batch_size=32).images_per_step == 32
    check_refused("batch_size is most, expected 1 or more, or auto", batch_size="most")


class TestDifferences:
    def test_of_equal_configs_are_none(self):
        assert Config(**OTHER).differences(Config(**OTHER)) == []

    def test_name_every_value_that_makes_another_run(self):
        assert set(OTHER) == {field.name for field in dataclasses.fields(Config)}
        changed = {name for name in OTHER if OTHER[name] != getattr(Config(), name)}
        # Where the data lies, what computes, is only watched or is kept make no other run.
        watched = {"track_training_accuracy", "tracked_share", "track_test_accuracy"}
        kept = {"checkpoint_every", "checkpoint_every_steps", "keep_checkpoints"}
        computing = {"strategy", "logical_cpus", "deterministic"}
        expected = changed - {"data_dir", "cache_dir"} - computing - watched - kept
        lines = Config().differences(Config(**OTHER))
        assert {line.split(":")[0] for line in lines} == expected

    def test_name_what_mixed_labels_alone_use(self, tmp_path):
        values = {
            "coarse_weight": 0.5,
            "coarse_supervision": "soft_min",
            "soft_min_temperature": 0.25,
            "fine_term": "labelled",
            "coarse_term": "coarse_only",
            "coarse_share": 0.3,
            "final_coarse_share": 0.6,
        }
        lines = Config().differences(Config(**values))
        assert {line.split(":")[0] for line in lines} == set(values)
        Config(**values).save(tmp_path / "config.json")
        assert Config.load(tmp_path / "config.json") == Config(**values)

    def test_say_mine_and_theirs(self):
        one, other = Config(width=0.5), Config(seed=3)
        assert one.differences(other) == ["width: 0.5, not 1.0", "seed: 0, not 3"]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("width", 0, "above 0"),
        ("width", float("inf"), "above 0"),
        ("dropout", -0.1, "0 or more and below 1"),
        ("dropout", 1.0, "0 or more and below 1"),
        ("head_dropout", -0.1, "0 or more and below 1"),
        ("head_dropout", float("nan"), "0 or more and below 1"),
        ("fine_fraction", -0.1, "from 0 to 1"),
        ("coarse_fraction", 1.1, "from 0 to 1"),
        ("data_fraction", 0, "above 0 and at most 1"),
        ("data_fraction", 1.5, "above 0 and at most 1"),
        ("fine_label_noise", -0.1, "from 0 to 1"),
        ("fine_label_noise", 1.1, "from 0 to 1"),
        ("validation_fraction", 1, "0 or more and below 1"),
        ("coarse_weight", -1, "0 or more"),
        ("coarse_supervision", "max", "one of min, mean, soft_min, marginal"),
        ("weight_decay_on", "biases", "one of all, kernels"),
        ("fine_term", "sum", "one of batch, labelled"),
        ("coarse_term", "none", "one of all, coarse_only"),
        ("coarse_share", 1.0, "0 or more and below 1"),
        ("label_smoothing", 1.0, "0 or more and below 1"),
        ("cutmix", 1.5, "from 0 to 1"),
        ("batch_size", 0, "1 or more, or auto"),
        ("epochs", 0, "1 or more"),
        ("steps", 0, "1 or more"),
        ("plateau_patience", 0, "1 or more"),
        ("plateau_factor", 1, "between 0 and 1"),
        ("plateau_factor", 0, "between 0 and 1"),
        ("learning_rate", 0, "above 0"),
        ("learning_rate", float("nan"), "above 0"),
        ("weight_decay", -1e-4, "0 or more"),
        ("weight_decay_share", 1.5, "from 0 to 1"),
        ("seed", -1, "from 0 to 2147483647"),
        ("seed", 2**31, "from 0 to 2147483647"),
        ("labels", "all", "one of mixed, fine, oracle, coarse"),
        ("preprocess", "none", "one of gcn_zca, standardize, center, own"),
        ("augment", "flip", "one of none, crop_flip, random_crop, random_resized_crop"),
        ("precision", "float16", "one of float32, mixed_bfloat16, mixed_float16"),
        ("strategy", "tpu", "one of auto, single, mirrored, multi_worker"),
    ],
)
def test_refuses_a_value_by_itself(name, value, expected):
    shown = repr(value) if isinstance(value, str) else value
    check_refused(f"{name} is {shown}, expected {expected}", **{name: value})


@pytest.mark.parametrize("warmup", [-0.1, 1.0])
def test_refuses_a_warmup_out_of_range(warmup):
    check_refused(
        f"warmup is {warmup}, expected 0 or more and below 1", warmup=warmup, schedule="cosine"
    )


class TestWarmup:
    @pytest.mark.parametrize("schedule", CHOICES["schedule"])
    def test_that_is_not_given_is_the_schedules_and_written_as_a_number(self, tmp_path, schedule):
        expected = {"plateau": 0.0, "milestones": 0.0, "cosine": 0.0, "onecycle": 0.3}[schedule]
        config = Config(schedule=schedule)
        assert config == Config(schedule=schedule, warmup=expected)
        config.save(tmp_path / "config.json")
        assert json.loads((tmp_path / "config.json").read_text())["warmup"] == expected

    @pytest.mark.parametrize("schedule", CHOICES["schedule"])
    def test_of_a_run_from_before_is_the_schedules(self, tmp_path, schedule):
        path, config = tmp_path / "config.json", Config(schedule=schedule)
        values = dataclasses.asdict(config)
        del values["warmup"]
        for before in (values, {**values, "warmup": None}):
            path.write_text(json.dumps(before))
            assert Config.load(path).differences(config) == []

    def test_goes_with_the_schedule_unless_it_was_given(self):
        assert Config().replace(schedule="onecycle") == Config(schedule="onecycle")
        assert Config(schedule="onecycle").replace(schedule="cosine") == Config(schedule="cosine")
        assert Config(warmup=0.1).replace(schedule="onecycle").warmup == 0.1
        assert Config().replace(schedule="onecycle", warmup=0.0).warmup == 0.0
        assert Config(schedule="onecycle", warmup=0.0).replace(seed=3).warmup == 0.0


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"epochs": 2, "steps": 3}, "epochs 2 and steps 3 are both given, expected one"),
        ({"steps": 3, "budget": "5m"}, "steps 3 and budget 5m are both given, expected one"),
        (
            {"epochs": 2, "steps": 3, "budget": "5m"},
            "epochs 2 and steps 3 and budget 5m are all given, expected one",
        ),
        (
            {"budget": "5 minutes"},
            "budget is 5 minutes, expected a number above 0 and s, m or h, such as 90s, 20m or 2h",
        ),
        (
            {"budget": "5m", "strategy": "multi_worker"},
            "budget is 5m, expected epochs or steps with strategy multi_worker",
        ),
        (
            {"validation_fraction": 0},
            "schedule plateau needs validation images: raise validation_fraction, or choose "
            "milestones, cosine or onecycle",
        ),
        (
            {"refit": True, "schedule": "cosine"},
            "refit replays what a plateau found, and schedule cosine finds nothing: set "
            "validation_fraction to 0 instead",
        ),
        (
            {"preprocess": "own"},
            "preprocess own is for networks of keras.applications and .keras files, and backbone "
            "is 'nin': choose gcn_zca, standardize or center",
        ),
        (
            {"soft_min_temperature": 0.5},
            "soft_min_temperature is 0.5, and is used with coarse_supervision=soft_min alone",
        ),
        (
            {"coarse_supervision": "soft_min", "soft_min_temperature": 0.0},
            "soft_min_temperature is 0.0, expected from 1e-30 to 1e30",
        ),
        (
            {"final_coarse_share": 0.5},
            "final_coarse_share is 0.5, and is used with coarse_share alone",
        ),
        (
            {"labels": "coarse", "coarse_supervision": "marginal", "fine_term": "labelled"},
            "coarse_supervision is marginal, and is used with labels=mixed, fine or oracle alone; "
            "fine_term is labelled, and is used with labels=mixed alone",
        ),
        (
            {"weight_decay": 0.0, "weight_decay_on": "kernels"},
            "weight_decay_on is kernels, and is used with weight_decay above 0 alone",
        ),
        (
            {"milestones": ((0.5, 0.1),)},
            "milestones is ((0.5, 0.1),), and is used with schedule=milestones alone",
        ),
        (
            {"schedule": "milestones", "milestones": ((0.5, 0.1), (0.5, 0.01))},
            "milestones stand at [0.5, 0.5], expected rising shares between 0 and 1",
        ),
        (
            {"schedule": "milestones", "milestones": ((0.5, 0.1), (1.0, 0.01))},
            "milestones stand at [0.5, 1.0], expected rising shares between 0 and 1",
        ),
        (
            {"schedule": "milestones", "milestones": ((0.5, -0.1),)},
            "milestones have factors [-0.1], expected 0 or more",
        ),
    ],
)
def test_refuses_values_that_contradict_each_other(values, problem):
    check_refused(problem, **values)


def test_lists_all_problems_in_one_message():
    check_refused(
        "augment is 'flip', expected one of none, crop_flip, random_crop, random_resized_crop; "
        "width is -1, expected above 0; batch_size is 0, expected 1 or more, or auto; epochs 1 "
        "and steps 2 are both given, expected one",
        augment="flip",
        width=-1,
        batch_size=0,
        epochs=1,
        steps=2,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not the config of a run: Expecting value: line 1 column 1 (char 0)."),
        (
            '{"size": 3, "depth": 4}',
            "is not the config of a run: it has values that no config of this version has, "
            "'depth', 'size'.",
        ),
        ("[]", "is not the config of a run: expected a JSON object."),
        ("[" * 10**5, "is not the config of a run: maximum recursion depth exceeded"),
    ],
)
def test_refuses_a_file_that_holds_no_config(tmp_path, text, message):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(InputError, match=f"^{re.escape(f'{path} {message}')}"):
        Config.load(path)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("refit", "yes", "is 'yes', expected true or false"),
        ("refit", 1, "is 1, expected true or false"),
        ("steps", "5", "is '5', expected a whole number or none"),
        ("steps", True, "is True, expected a whole number or none"),
        ("steps", 5.0, "is 5.0, expected a whole number or none"),
        ("seed", 10**30, f"is {10**30}, expected a whole number"),
        ("batch_size", None, "is None, expected a whole number or auto"),
        ("width", True, "is True, expected a number"),
        ("width", "wide", "is 'wide', expected a number"),
        ("width", float("nan"), "is nan, expected above 0"),
        (
            "width",
            [10] * 99,
            "is [10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,..., expected a number",
        ),
        ("learning_rate", 10**400, f"is 1{'0' * 59}..., expected a number"),
        ("dropout", {}, "is {}, expected a number or none"),
        ("dataset", None, "is None, expected text"),
        ("data_dir", "a\0b", r"is 'a\x00b', expected text or none"),
        ("data_dir", "\ud800", r"is '\ud800', expected text or none"),
        ("labels", ["mixed"], "is ['mixed'], expected mixed or fine or oracle or coarse"),
        ("milestones", 3, "is 3, expected pairs of a share and a factor"),
        ("milestones", [[0.5]], "is [[0.5]], expected pairs of a share and a factor"),
        ("milestones", [[0.5, "1"]], "is [[0.5, '1']], expected pairs of a share and a factor"),
    ],
)
def test_names_each_value_of_another_type(tmp_path, name, value, expected):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({name: value}))
    with pytest.raises(InputError) as error:
        Config.load(path)
    assert str(error.value) == f"{path}: The config cannot be used: {name} {expected}."


def test_refuses_a_missing_file_and_one_that_is_no_text(tmp_path):
    path = tmp_path / "config.json"
    start = re.escape(f"{path} is not the config of a run: ")
    with pytest.raises(InputError, match=f"^{start}.*No such file or directory"):
        Config.load(path)
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(InputError, match=f"^{start}'utf-8' codec can't decode byte 0xff"):
        Config.load(path)


def test_names_the_file_whose_values_cannot_be_used(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"width": -1}))
    message = f"{path}: The config cannot be used: width is -1, expected above 0."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Config.load(path)


class TestChoices:
    def test_are_those_that_the_library_takes(self):
        assert CHOICES["labels"] == pipeline.LABELS == model.LABELS
        assert CHOICES["augment"] == AUGMENT
        assert CHOICES["strategy"] == strategy.STRATEGIES

    @pytest.mark.parametrize("kind", [kind for kind in CHOICES["preprocess"] if kind != "own"])
    def test_of_preprocess_all_centre_the_training_images(self, kind):
        images = np.random.default_rng(0).gamma(2.0, 30.0, (300, 4, 4, 3)).clip(0, 255)
        source = ArraySource(
            images.astype(np.uint8), Taxonomy(("a",), ("x",), (0,)), np.zeros(300, int)
        )
        indices = np.arange(0, 300, 2)
        layer = make_preprocessing(
            kind, fit_preprocessing(kind, source, indices), source.image_shape
        )
        images = layer(next(source.chunks(indices))).numpy()
        assert images.dtype == np.float32
        np.testing.assert_allclose(images.mean((0, 1, 2)), 0, atol=1e-2)
        if kind == "standardize":
            np.testing.assert_allclose(images.std((0, 1, 2)), 1, atol=1e-2)
        if kind == "center":
            raw = np.concatenate(list(source.chunks(indices))).astype(np.float64)
            np.testing.assert_allclose(images, raw - raw.mean((0, 1, 2)), atol=1e-3)

    def test_of_preprocess_are_those_that_are_made(self):
        assert CHOICES["preprocess"] == tuple(STATISTICS)

    @pytest.mark.parametrize("policy", CHOICES["precision"])
    def test_of_precision_are_policies(self, policy):
        with strategy.precision(policy):
            assert strategy.keras.config.dtype_policy().name == policy
        assert strategy.keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"extra_layer": True}, "extra_layer is True, and is used with labels=coarse alone"),
        (
            {"cache_images": True, "image_size": 64},
            "cache_images is True, and is used with cache_dir and image_size alone",
        ),
        (
            {"cache_images": True, "cache_dir": "/cache"},
            "cache_images is True, and is used with cache_dir and image_size alone",
        ),
        (
            {
                "cache_images": True,
                "cache_dir": "/cache",
                "image_size": 64,
                "augment": "random_resized_crop",
            },
            "cache_images keeps resized images, and augment random_resized_crop cuts windows out "
            "of images in their own size: choose random_crop, or leave cache_images out",
        ),
        (
            {"backbone": "keras.applications.ResNet50", "width": 0.5},
            "width is 0.5, and is used with a backbone of this package alone",
        ),
        (
            {"backbone": "mine.keras", "dropout": 0.5},
            "dropout is 0.5, and is used with a backbone of this package alone",
        ),
        (
            {"backbone": "mine.keras", "precision": "mixed_bfloat16"},
            "precision is mixed_bfloat16, and is used with a backbone that is built by name alone",
        ),
        (
            {"backbone": "mine.keras", "backbone_weights": "mine.weights.h5"},
            "backbone_weights is mine.weights.h5, and is used with a backbone that is built by "
            "name alone",
        ),
        (
            {"labels": "oracle", "coarse_weight": 0.5},
            "coarse_weight is 0.5, and is used with labels=mixed alone",
        ),
        (
            {"labels": "coarse", "fine_label_noise": 0.1},
            "fine_label_noise is 0.1, and is used with labels=mixed, fine or oracle alone",
        ),
        (
            {"schedule": "cosine", "plateau_patience": 2},
            "plateau_patience is 2, and is used with schedule=plateau alone",
        ),
        (
            {"track_training_accuracy": True, "tracked_share": 0},
            "tracked_share is 0, expected above 0 and at most 1",
        ),
        (
            {"tracked_share": 0.5},
            "tracked_share is 0.5, and is used with track_training_accuracy alone",
        ),
        (
            {"schedule": "cosine", "plateau_factor": 0.5},
            "plateau_factor is 0.5, and is used with schedule=plateau alone",
        ),
    ],
)
def test_a_value_that_would_be_ignored_is_refused(values, problem):
    check_refused(problem, **values)
