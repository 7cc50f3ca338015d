"""How many updates a time is enough for."""

import gc
import math
import pathlib
import tempfile
import time
from collections.abc import Collection
from typing import Any

import keras

from coarse2fine.data import Source, training_batches
from coarse2fine.errors import InputError
from coarse2fine.files import make_folder, read_json, write_json
from coarse2fine.training.bad_images import mind_bad_images
from coarse2fine.training.batch_size import Say
from coarse2fine.training.build_model import build_model
from coarse2fine.training.config import Config
from coarse2fine.training.config_problems import to_seconds
from coarse2fine.training.optimizer import make_optimizer
from coarse2fine.training.plan import Plan, make_plan
from coarse2fine.training.preprocessing import (
    STATISTICS,
    check_preprocessing,
    fit_preprocessing,
    make_preprocessing,
)
from coarse2fine.training.strategy import make_strategy, use_deterministic_operations
from coarse2fine.training.workers import Workers

_FILE = "budget.json"  # What a folder keeps of its budget.
_WARMUP = 4  # Updates that are not timed, and as many that are timed roughly.
_SECONDS = 10.0  # That are timed.
_ANY_LENGTH = 1000  # Updates of a run, whose first ones take as long whatever their number.
_SAMPLE = 256  # Images that preprocessing is fitted on: its numbers change no time.


def find_steps(config: Config, source: Source, say: Say) -> int:
    """The updates that `config.budget` is enough for, by the speed of some that are then forgotten.

    It is the time of updates and their batches; a refit's are counted, validation is not.

    Args:
        config: of a run, with a budget.
        source: the training split of its data set.
        say: takes a line that says what was found.

    Raises:
        InputError: a config that cannot be used, or a budget that is too short for one pass.
    """
    check_preprocessing(config.preprocess, config.backbone, source.image_shape)
    plan = make_plan(source, config.replace(budget=None, steps=_ANY_LENGTH, refit=False))
    use_deterministic_operations(config.deterministic)  # As `train` will.
    rate = images_per_second(plan)
    gc.collect()  # The model that was tried lies in cycles.
    runs = 2 if config.refit else 1
    images = to_seconds(str(config.budget)) * rate / runs
    num_images = len(plan.training_images)
    steps = int(images / config.images_per_step)
    if images < num_images or not steps:
        needed = math.ceil(max(num_images, config.images_per_step) * runs / rate)
        raise InputError(
            f"budget is {config.budget}, enough for {images:,.0f} images at {rate:,.0f} a second, "
            f"and one pass over the training images is {num_images:,}. Give at least {needed}s, "
            "or a number of steps."
        )
    say(f"budget {config.budget}: {steps:,} updates ({rate:,.0f} images a second)")
    return steps


def share_budget(
    config: Config, run: tuple[Config, Source], folder: pathlib.Path, say: Say
) -> Config:
    """The config of an experiment, its budget a number of updates: one for all of its runs.

    Args:
        config: of the experiment; one without a budget stays as it is.
        run: config and training images of the run whose speed counts.
        folder: of the experiment. The number is kept there, and taken where it is there.
        say: as of `find_steps`.
    """
    if config.budget is None:
        return config
    steps = kept_steps(*run, folder, say)
    make_folder(folder)
    keep_steps(config.budget, steps, folder)
    return config.replace(budget=None, steps=steps)


def kept_steps(config: Config, source: Source, folder: pathlib.Path, say: Say) -> int:
    """As `find_steps`, or the number that a folder keeps for the budget."""
    file = folder / _FILE
    kept: dict[str, Any] = {"budget": None}
    if file.exists():
        kept = read_json(file, ["budget", "steps"])
    if kept["budget"] != config.budget:
        return find_steps(config, source, say)
    say(f"budget {config.budget}: {kept['steps']:,} updates (as in {file})")
    return kept["steps"]


def keep_steps(budget: str | None, steps: int | None, folder: pathlib.Path) -> None:
    """Keeps what a budget came to in a folder, for `kept_steps`; of one without nothing."""
    if budget is not None:
        write_json(folder / _FILE, {"budget": budget, "steps": steps})


def check_budget(config: Config, settings: Collection[Any]) -> None:
    """Raises `InputError` where several settings would share a budget."""
    if config.budget is not None and len(settings) > 1:
        raise InputError(
            f"budget is {config.budget}, and these are {len(settings)} settings, whose updates "
            "differ in what they take. Give epochs or steps, or choose one setting."
        )


def images_per_second(plan: Plan) -> float:
    """The speed of a plan's updates, with the reading and making of their batches."""
    config, source = plan.config, plan.source
    strategy = make_strategy(config.strategy, config.logical_cpus)
    with strategy.scope():
        model = build_model(
            config.replace(backbone_weights=None), source.taxonomy, source.image_shape
        )
        model.compile(optimizer=make_optimizer(config, plan.steps))
        model.optimizer.build(model.trainable_variables)

    def seconds(steps: int, preprocess: keras.layers.Layer) -> float:
        batches = Workers(strategy).distribute(
            lambda replicas: training_batches(
                source,
                plan.fine_labelled,
                plan.coarse_only,
                plan.schedule,
                preprocess,
                config.augment,
                replicas=replicas,
            )
        )
        began = time.perf_counter()
        model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
        return time.perf_counter() - began

    with tempfile.TemporaryDirectory() as folder, source.reading():
        mind_bad_images(plan, pathlib.Path(folder) / "bad_images.jsonl")
        preprocess = _preprocessing(plan)
        seconds(_WARMUP, preprocess)
        steps = max(_WARMUP, round(_SECONDS / (seconds(_WARMUP, preprocess) / _WARMUP)))
        return steps * config.images_per_step / seconds(steps, preprocess)


def _preprocessing(plan: Plan) -> keras.layers.Layer:
    """What takes as long as the plan's own, which may take long to fit."""
    kind, source = plan.config.preprocess, plan.source
    statistics: dict[str, Any] = dict.fromkeys(STATISTICS[kind])
    if kind != "gcn_zca":
        statistics = fit_preprocessing(kind, source, plan.training_images[:_SAMPLE])
    return make_preprocessing(kind, statistics, source.image_shape, plan.config.backbone)
