"""The training itself: from a plan to a trained model, from wherever an earlier call stopped."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from coarse2fine.data import Source
from coarse2fine.errors import Interrupted
from coarse2fine.files import read_arrays, remove_file, write_arrays
from coarse2fine.model import CoarseToFine
from coarse2fine.training.adapt_backbone import adapt_backbone
from coarse2fine.training.bad_images import mind_bad_images
from coarse2fine.training.build_model import build_again, build_model
from coarse2fine.training.checkpoints import (
    Checkpoints,
    mend_checkpoints,
    newest_checkpoint,
)
from coarse2fine.training.given_files import claim_given_file
from coarse2fine.training.interruption import Interruption
from coarse2fine.training.monitor import Monitor
from coarse2fine.training.muon import Muon
from coarse2fine.training.optimizer import make_optimizer
from coarse2fine.training.pictures import class_map_pictures
from coarse2fine.training.plan import Plan
from coarse2fine.training.plateau import Plateau
from coarse2fine.training.preprocessing import STATISTICS, fit_preprocessing, make_preprocessing
from coarse2fine.training.progress import Progress
from coarse2fine.training.safeguards import Saver, StopOnNonFiniteLoss
from coarse2fine.training.strategy import make_strategy
from coarse2fine.training.tracking import Tracking, tracked_sets
from coarse2fine.training.updates import OneTraining, make_updates
from coarse2fine.training.workdir import Workdir
from coarse2fine.training.workers import Workers

MakeCallbacks = Callable[[str, int], Sequence[keras.callbacks.Callback]]

_NUM_PICTURES = 4

# The state of a run without a checkpoint, beside its progress.
_FRESH: dict[str, Any] = {"seconds": 0.0, "best": None, "plateau": {}}


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What training leaves.

    Attributes:
        preprocess: layer from uint8 images to what the model takes.
        model: with the plan's updates behind it.
    """

    preprocess: keras.layers.Layer
    model: CoarseToFine


def fit(
    plan: Plan, home: Workdir, callbacks: MakeCallbacks, test_source: Source | None = None
) -> Fitted:
    """Makes the updates of a plan that its workdir's checkpoints do not have yet.

    Args:
        plan: of the run.
        home: its workdir, which is this plan's.
        callbacks: as of `train`.
        test_source: of the images whose accuracy is tracked.

    Raises:
        InputError: as `train`.
        Interrupted: a signal stopped it; a checkpoint has been saved.
    """
    config, source = plan.config, plan.source
    strategy = make_strategy(config.strategy, config.logical_cpus)
    workers = Workers(strategy)
    mind_bad_images(plan, home.bad_images_file(workers.index))
    with workers.chief_first():
        if workers.is_chief:
            mend_checkpoints(home.checkpoints)
        statistics = _statistics(plan, home)
    preprocess = make_preprocessing(
        config.preprocess, statistics, source.image_shape, config.backbone
    )
    with strategy.scope():
        is_new = newest_checkpoint(home.checkpoints) is None
        model = _compiled_model(plan, home, is_new)
    if is_new:
        adapt_backbone(model.backbone, plan, home, preprocess, workers)
    checkpoints = Checkpoints(
        home.checkpoints,
        model,
        source.taxonomy,
        model.optimizer,
        config.keep_checkpoints,
        workers.is_chief,
    )
    progress = Progress(plan.steps, plan.schedule.steps_per_epoch)
    with workers.chief_first():
        claim_given_file(config, home, model.backbone)
    state = checkpoints.restore() or _FRESH
    progress.state = {**progress.state, **state}
    if progress.is_done:
        return Fitted(preprocess, model)

    if workers.is_chief:
        remove_file(home.report_file)  # It would be of fewer updates.
    with Interruption(workers) as interruption, source.reading():
        own, saver = _own_callbacks(
            plan, home, model, preprocess, progress, checkpoints, state, workers
        )
        tracked = tracked_sets(plan, test_source, preprocess, workers)
        every = OneTraining(
            [
                progress,
                StopOnNonFiniteLoss(progress, checkpoints),
                Tracking(tracked, [interruption]),
                *own,
                *(callbacks(home.path.name, plan.steps) if workers.is_chief else ()),
                saver,
                interruption,
            ],
            model,
            progress,
        )
        try:
            make_updates(model, plan, preprocess, progress, every, workers)
            interruption.check()  # Of a signal since the last update, before all else that follows.
        except Interrupted as error:
            saver.save()
            workers.wait()  # Who has nothing to write would end, and have the others ended, sooner.
            raise Interrupted(
                error.signal_number,
                f"{error} {home.path} is saved at update {progress.step} of {plan.steps}, and goes "
                "on from there with the same command.",
            ) from error
    return Fitted(preprocess, model)


def _own_callbacks(
    plan: Plan,
    home: Workdir,
    model: CoarseToFine,
    preprocess: keras.layers.Layer,
    progress: Progress,
    checkpoints: Checkpoints,
    state: dict[str, Any],
    workers: Workers,
) -> tuple[list[keras.callbacks.Callback], Saver]:
    """What writes and what sets the learning rate; and what saves, which must come last."""
    config = plan.config
    shown = np.concatenate([plan.partition.validation, plan.training_images])[:_NUM_PICTURES]
    shown = next(plan.source.chunks(shown))
    monitor = Monitor(
        home,
        progress,
        config_text=json.dumps(dataclasses.asdict(config), indent=1),
        images_per_step=config.images_per_step,
        seconds=state["seconds"],
        pictures=lambda: class_map_pictures(model, shown, preprocess),
    )
    validation = "val_fine_top1" if model.has_fine_head else "val_coarse_top1"
    plateau = Plateau(
        validation,
        config.plateau_factor,
        round(config.plateau_patience / config.data_fraction),  # An epoch is that much shorter.
        progress,
        config.learning_rate,
    )
    plateau.state.update(state["plateau"])
    saver = Saver(
        progress,
        checkpoints,
        lambda: {"plateau": plateau.state, "seconds": monitor.seconds},
        config.checkpoint_every_seconds,
        config.checkpoint_every_steps,
        validation,
        state["best"],
        workers,
    )
    writing = [monitor] if workers.is_chief else []
    return [*writing, *([plateau] if config.schedule == "plateau" else [])], saver


def _compiled_model(plan: Plan, home: Workdir, is_new: bool) -> CoarseToFine:
    config, taxonomy, image_shape = plan.config, plan.source.taxonomy, plan.source.image_shape
    keras.utils.set_random_seed(config.seed)
    if is_new:
        model = build_model(config, taxonomy, image_shape)
    else:
        model = build_again(config, taxonomy, image_shape, home)
    optimizer = make_optimizer(config, plan.steps)
    model.compile(optimizer=optimizer)
    model.optimizer.build(model.trainable_variables)
    if is_new and isinstance(optimizer, Muon):
        optimizer.check_kernels()
    return model


def _statistics(plan: Plan, home: Workdir) -> dict[str, np.ndarray]:
    """The run's own preprocessing statistics, fitted once."""
    if not home.preprocessing_file.exists():
        kind, images = plan.config.preprocess, plan.training_images
        write_arrays(home.preprocessing_file, fit_preprocessing(kind, plan.source, images))
    return read_arrays(home.preprocessing_file, STATISTICS[plan.config.preprocess])
