"""What a set of predictions says, in numbers."""

import numpy as np

from coarse2fine.evaluation.predictions import Predictions
from coarse2fine.taxonomy import Taxonomy


def make_report(predictions: Predictions, taxonomy: Taxonomy) -> dict[str, float | int | None]:
    """The numbers of `report.json`, as fractions; None where a head or a label does not exist.

    - `num_images`: images looked at.
    - `fine_top1`, `fine_top5`: share of the images with a fine label whose class is the best, or
      among the best five, of the fine head.
    - `coarse_top1`: share of images whose coarse class is the best of the coarse head.
    - `coarse_top1_from_fine`: the same for the parent of the fine head's best class.
    - `agreement`: share of images on which the coarse head names that parent.
    - `mistake_severity`: share of the wrong fine predictions that leave the coarse class; None
      where none is wrong.
    """
    report: dict[str, float | int | None] = dict.fromkeys(
        (
            "num_images",
            "fine_top1",
            "fine_top5",
            "coarse_top1",
            "coarse_top1_from_fine",
            "agreement",
            "mistake_severity",
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
        is_wrong = has_fine & (best_fine != predictions.fine)
        report["mistake_severity"] = _share(named[is_wrong] != predictions.coarse[is_wrong])
        if predictions.coarse_scores is not None:
            report["agreement"] = _share(best_coarse == named)
    return report


def _rank(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many classes score above the label's; of equal scores the lower class comes first."""
    own = scores[np.arange(len(labels)), labels][:, None]
    is_before = np.arange(scores.shape[1]) < labels[:, None]
    return ((scores > own) | ((scores == own) & is_before)).sum(-1)


def _share(is_true: np.ndarray) -> float | None:
    return float(is_true.mean()) if len(is_true) else None
