"""What a set of predictions says, in numbers."""

import numpy as np

from coarse2fine.errors import InputError
from coarse2fine.evaluation.decisions import Decisions
from coarse2fine.evaluation.predictions import Predictions
from coarse2fine.metrics import average_confusion_ratio
from coarse2fine.taxonomy import Taxonomy

_CHUNK = 4096  # images that are looked at together


def make_report(predictions: Predictions, taxonomy: Taxonomy) -> dict[str, float | int | None]:
    """The numbers of `report.json`, as fractions; None where a head or a label does not exist.

    - `num_images`: images looked at.
    - `fine_top1`, `fine_top5`: share of the images with a fine label whose class is the best, or
      among the best five, of the fine head.
    - `fine_top1_top_down`: share of those images whose class is the best, in the fine head, of the
      children of the best coarse class. Such a prediction agrees with the coarse head always.
    - `coarse_top1`: share of images whose coarse class is the best of the coarse head.
    - `coarse_top1_from_fine`: the same for the parent of the fine head's best class.
    - `coarse_top1_from_fine_sum`: the same for the coarse class whose fine classes have the largest
      sum of the fine head's softmax probabilities.
    - `agreement`: share of images on which the coarse head names that parent.
    - `mistake_severity`: share of the wrong fine predictions that leave the coarse class; None
      where none is wrong.
    - `average_confusion_ratio`, `average_confusion_ratio_normalized`: of the fine head on the
      images with a fine label, from counts and with `normalize="predicted"`; None where it is
      undefined.
    """
    report: dict[str, float | int | None] = dict.fromkeys(
        (
            "num_images",
            "fine_top1",
            "fine_top5",
            "fine_top1_top_down",
            "coarse_top1",
            "coarse_top1_from_fine",
            "coarse_top1_from_fine_sum",
            "agreement",
            "mistake_severity",
            "average_confusion_ratio",
            "average_confusion_ratio_normalized",
        )
    )
    report["num_images"] = len(predictions.coarse)
    if predictions.coarse_scores is not None:
        best_coarse = predictions.coarse_scores.argmax(-1)
        report["coarse_top1"] = _share(best_coarse == predictions.coarse)
    if predictions.fine_scores is not None:
        best_fine = predictions.fine_scores.argmax(-1)
        named = taxonomy.coarsen(best_fine)
        has_fine = predictions.fine >= 0
        fine = predictions.fine[has_fine]
        report["fine_top1"] = _share(best_fine[has_fine] == fine)
        report["fine_top5"] = _share(_rank(predictions.fine_scores[has_fine], fine) < 5)
        report["coarse_top1_from_fine"] = _share(named == predictions.coarse)
        by_sum = _largest_sum(predictions.fine_scores, taxonomy)
        report["coarse_top1_from_fine_sum"] = _share(by_sum == predictions.coarse)
        is_wrong = has_fine & (best_fine != predictions.fine)
        report["mistake_severity"] = _share(named[is_wrong] != predictions.coarse[is_wrong])
        if predictions.coarse_scores is not None:
            report["agreement"] = _share(best_coarse == named)
            top_down = best_of_children(predictions.fine_scores, best_coarse, taxonomy)
            report["fine_top1_top_down"] = _share(top_down[has_fine] == fine)
        confusion = Decisions.of(predictions).fine_confusion(taxonomy.num_fine)
        report.update(confusion_ratios(confusion, taxonomy))
    return report


def best_of_children(fine_scores: np.ndarray, coarse: np.ndarray, taxonomy: Taxonomy) -> np.ndarray:
    """The top-down rule: the best fine class among the children of a coarse class.

    Args:
        fine_scores: `(images, num_fine)`.
        coarse: `(images,)` coarse classes.
        taxonomy: of the classes.

    Returns:
        `(images,)` fine classes, each a child of its image's coarse class.
    """
    parent = np.asarray(taxonomy.parent)
    best = np.empty(len(coarse), np.int64)
    for start in range(0, len(coarse), _CHUNK):
        part = slice(start, start + _CHUNK)
        scores = np.where(coarse[part, np.newaxis] == parent, fine_scores[part], -np.inf)
        best[part] = scores.argmax(-1)
    return best


def confusion_ratios(confusion: np.ndarray, taxonomy: Taxonomy) -> dict[str, float | None]:
    """The average confusion ratios of `make_report`, from the fine head's confusion matrix."""
    ratios: dict[str, float | None] = {}
    for name, normalize in (
        ("average_confusion_ratio", None),
        ("average_confusion_ratio_normalized", "predicted"),
    ):
        try:
            ratios[name] = average_confusion_ratio(confusion, taxonomy.parent, normalize)
        except InputError:  # Such a matrix and taxonomy fit: the ratio is undefined.
            ratios[name] = None
    return ratios


def _largest_sum(fine_scores: np.ndarray, taxonomy: Taxonomy) -> np.ndarray:
    """The coarse class of the largest sum of fine probabilities; of equal sums the lower one."""
    order = np.concatenate(taxonomy.children)
    starts = np.cumsum([0, *map(len, taxonomy.children[:-1])])
    best = np.zeros(len(fine_scores), np.int64)
    for start in range(0, len(fine_scores), _CHUNK):
        images = slice(start, start + _CHUNK)
        scores = fine_scores[images].astype(np.float64)
        # Over the best class's probability, so that some term is 1 and none overflows.
        relative = np.exp(scores - scores.max(-1, keepdims=True))
        best[images] = np.add.reduceat(relative[:, order], starts, axis=-1).argmax(-1)
    return best


def _rank(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many classes score above the label's; of equal scores the lower class comes first."""
    own = scores[np.arange(len(labels)), labels][:, None]
    is_before = np.arange(scores.shape[1]) < labels[:, None]
    return ((scores > own) | ((scores == own) & is_before)).sum(-1)


def _share(is_true: np.ndarray) -> float | None:
    return float(is_true.mean()) if len(is_true) else None
