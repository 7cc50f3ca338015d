"""Numbers of a trained run, and their pictures."""

from coarse2fine.evaluation import figures
from coarse2fine.evaluation.embedding import features, tsne
from coarse2fine.evaluation.evaluate import evaluate
from coarse2fine.evaluation.predictions import Predictions, predict
from coarse2fine.evaluation.projector import write_projector
from coarse2fine.evaluation.rank_correlation import RankCorrelation, rank_correlation
from coarse2fine.evaluation.report import best_of_children, make_report

__all__ = [
    "Predictions",
    "RankCorrelation",
    "best_of_children",
    "evaluate",
    "features",
    "figures",
    "make_report",
    "predict",
    "rank_correlation",
    "tsne",
    "write_projector",
]
