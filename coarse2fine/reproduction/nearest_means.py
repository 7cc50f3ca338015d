"""A system of nearest class means beside the networks of a comparison."""

import json

from coarse2fine.evaluation.embedding import features
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.evaluation.nearest_class_means import fit_class_means, nearest_class_means
from coarse2fine.files import read_json, write_bytes
from coarse2fine.reproduction.places import Places
from coarse2fine.training import load_run
from coarse2fine.training.run import plan_of

_KEPT = "nearest_class_means.json"


def accuracy_of_nearest_means(
    baseline: EvaluatedRun, coarse_to_fine: EvaluatedRun, places: Places
) -> float:
    """The test accuracy of nearest class means on the features of a comparison's baseline.

    The network has seen fine-labelled images alone; the means are of those and of the coarse-only
    images of coarse_to_fine, as `fit_class_means` says. What was found is kept in the workdir of
    coarse_to_fine.

    Args:
        baseline: gives the features.
        coarse_to_fine: says who has which label.
        places: of the images.

    Returns:
        A fraction of the test images that have a fine label.
    """
    key = [baseline.path.name, coarse_to_fine.report["test_fingerprint"]]
    file = coarse_to_fine.path / _KEPT
    if file.is_file():
        kept = read_json(file, ("of", "fine_top1"))
        if kept["of"] == key:
            return kept["fine_top1"]
    run = load_run(baseline.path)
    training = places.load(coarse_to_fine.config, "train")
    plan = plan_of(load_run(coarse_to_fine.path), training)
    used = plan.training_images
    means = fit_class_means(
        features(run, plan.source, used),
        plan.source.fine[used],
        plan.source.coarse[used],
        run.taxonomy,
    )
    test = places.load(coarse_to_fine.config, "test")
    has_label = test.fine >= 0
    named = nearest_class_means(features(run, test), means)
    accuracy = float((named == test.fine)[has_label].mean())
    content = json.dumps({"of": key, "fine_top1": accuracy})
    write_bytes(file, content.encode(), is_shared=True)
    return accuracy
