"""The tables and figures of both papers as data, and what makes them."""

from coarse2fine.reproduction.experiment import Asked, Experiment
from coarse2fine.reproduction.experiments import EXPERIMENTS
from coarse2fine.reproduction.make import Made
from coarse2fine.reproduction.places import Places
from coarse2fine.reproduction.recipe import SCALES
from coarse2fine.reproduction.reproduce import check_complete, list_experiments, reproduce

__all__ = [
    "EXPERIMENTS",
    "SCALES",
    "Asked",
    "Experiment",
    "Made",
    "Places",
    "check_complete",
    "list_experiments",
    "reproduce",
]
