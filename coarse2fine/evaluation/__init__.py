"""Numbers of a trained run."""

from coarse2fine.evaluation.evaluate import evaluate
from coarse2fine.evaluation.predictions import Predictions, predict
from coarse2fine.evaluation.report import make_report

__all__ = ["Predictions", "evaluate", "make_report", "predict"]
