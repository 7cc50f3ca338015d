"""The accuracy of a run."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from coarse2fine.data import Source
from coarse2fine.errors import InputError
from coarse2fine.evaluation.backing_off import (
    BackingOff,
    check_error,
    report_on_backing_off,
    report_on_calibration,
)
from coarse2fine.evaluation.decisions import Decisions
from coarse2fine.evaluation.predictions import predict
from coarse2fine.evaluation.report import make_report
from coarse2fine.files import remove_file, write_json
from coarse2fine.training import Run, load_run, load_split
from coarse2fine.training.bad_images import BadImages, replace_bad_images
from coarse2fine.training.plan import Plan
from coarse2fine.training.run import plan_of


def evaluate(
    run: Run | str | pathlib.Path,
    data_dir: str | None = None,
    source: Source | None = None,
    training: bool = False,
    training_source: Source | None = None,
    views: int = 1,
    cache_dir: str | None = None,
    error: float | None = None,
) -> dict[str, Any]:
    """Scores the whole test set; writes `report.json` and `decisions.npz` into the run's workdir.

    With `error` it also writes `calibration.json`, by which an export backs off; without, one that
    is there goes with the report that it was of.

    Args:
        run: a run, or its workdir.
        data_dir: of the data, where it is not the one that the run was trained with.
        source: the test split, where it has been loaded before.
        training: also score all images that the run was trained on, without augmentation, as it
            predicts; their fine labels count where the run might use them. Of a run with
            `skip_bad_images` others stand for those that cannot be decoded, as in training.
        training_source: the training split as its data set gives it, where it has been loaded
            before.
        views: of each image: 1, 2 or 10; as of `predict`.
        cache_dir: of what is kept of the data, where it is not the one of the run.
        error: the error rate that is to be promised among what is named, more than 0 and less than
            1: calibrates on the run's validation images, and backs off to coarse classes or nothing
            on test images, as `BackingOff` says. It is no promise where the validation images chose
            the run's learning rates (a plateau) or its checkpoint (`best`), and the report says so.

    Returns:
        What `make_report` gives; `step`, the updates that the run has behind it; `views`, as given;
        `test_fingerprint`, of the test images; `fine_labels_changed`, the number of training images
        whose fine label is noise (0 without `fine_label_noise`); `training`, what `make_report`
        gives of the training images, or None; and with `error`, else None, `calibration` and
        `backing_off`, as of `report_on_calibration` and `report_on_backing_off`.

    Raises:
        InputError: images or labels that do not fit; an `error` that cannot be; or no validation
            images to calibrate on.
    """
    if error is not None:
        check_error(error)
    run = run if isinstance(run, Run) else load_run(run)
    moved = {"data_dir": data_dir, "cache_dir": cache_dir}
    config = run.config.replace(**{k: folder for k, folder in moved.items() if folder is not None})
    source = load_split(config, "test", run.taxonomy) if source is None else source
    run.taxonomy.check_same(source.taxonomy.fingerprint, f"The test set {config.dataset!r}")
    if (training or error is not None) and training_source is None:
        training_source = load_split(config, "train", run.taxonomy)
    backing_off = None
    if error is not None:  # First: what it may refuse is known before the test images are scored.
        assert training_source is not None, "loaded above"
        backing_off = _calibrate(run, training_source, views)
    predictions = predict(
        run.model, run.preprocess, source, batch_size=config.images_per_step, views=views
    )
    report: dict[str, Any] = make_report(predictions, run.taxonomy)
    report["step"] = run.step
    report["views"] = views
    report["test_fingerprint"] = source.fingerprint()
    report["fine_labels_changed"] = run.workdir.read_data()["fine_labels_changed"]
    report.update(dict.fromkeys(("training", "calibration", "backing_off")))
    if training:
        assert training_source is not None, "loaded above"
        report["training"] = _report_on_training(run, training_source, views)
    if backing_off is not None and error is not None:
        report["calibration"] = report_on_calibration(backing_off, predictions)
        report["backing_off"] = report_on_backing_off(backing_off, predictions, error)
    # First away with the old report and then the new one: with a report there are its decisions,
    # and its calibration where it has one.
    remove_file(run.workdir.report_file)
    remove_file(run.workdir.calibration_file)
    Decisions.of(predictions).save(run.workdir.decisions_file)
    if backing_off is not None:
        backing_off.save(run.workdir.calibration_file, views, run.step)
    write_json(run.workdir.report_file, report)
    return report


def _calibrate(run: Run, source: Source, views: int) -> BackingOff:
    """What the run's validation images let promise.

    Their labels are those of the data set, whatever noise the run trained with.
    """
    plan = plan_of(run, source)
    run.workdir.check_same_images(source, plan.partition)
    if not len(plan.partition.validation):
        raise InputError(
            f"The run in {run.workdir.path} has no validation images to calibrate on: "
            + (
                "a refit trains on them too. The run in its folder search has some."
                if run.config.refit
                else "its validation_fraction is 0. Train with a larger one."
            )
        )
    validation = plan.partition.validation
    bad_images = _replace_bad_images(run, plan)
    predictions = predict(
        run.model, run.preprocess, plan.source, validation, run.config.images_per_step, views
    )
    predictions = dataclasses.replace(predictions, fine=source.fine[validation])
    if bad_images is not None:  # What stands for another is there twice, which no bound allows.
        predictions = predictions.of(~np.isin(validation, bad_images.found))
    return BackingOff.fit(predictions, _chosen_by_validation(run))


def _chosen_by_validation(run: Run) -> tuple[str, ...]:
    chosen = {
        "learning rates": run.config.schedule == "plateau",
        "checkpoint": run.checkpoint == "best",
    }
    return tuple(name for name, is_chosen in chosen.items() if is_chosen)


def _replace_bad_images(run: Run, plan: Plan) -> BadImages | None:
    if not run.config.skip_bad_images:
        return None
    return replace_bad_images(plan, run.workdir.bad_images_file())


def _report_on_training(run: Run, source: Source, views: int) -> dict[str, Any]:
    plan = plan_of(run, source)
    run.workdir.check_same_images(source, plan.partition)
    _replace_bad_images(run, plan)
    predictions = predict(
        run.model,
        run.preprocess,
        plan.source,
        plan.training_images,
        run.config.images_per_step,
        views,
    )
    return make_report(predictions, run.taxonomy)
