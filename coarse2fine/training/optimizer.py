"""A run's optimizer, and the learning rate as a function of the update."""

from typing import Any

import keras
from keras import ops

from coarse2fine.model import HEAD_LAYERS
from coarse2fine.training.config import Config
from coarse2fine.training.coupled_sgd import CoupledSGD
from coarse2fine.training.muon import Muon
from coarse2fine.training.onecycle import OneCycle

_REST_FACTOR = 7.0
"""Biases, normalisations and heads with muon: `fastnet` does well at rates of .03 and .2."""


def learning_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The rate of the next update."""
    return float(ops.convert_to_numpy(optimizer.learning_rate))


def make_optimizer(config: Config, steps: int) -> CoupledSGD:
    """The optimizer of a run of `steps` updates."""
    arguments = {
        **_rate_arguments(config, steps),
        "momentum": 0.9,
        "nesterov": config.nesterov,
        "decay": config.weight_decay,
        "decay_on": config.weight_decay_on,
        "decay_steps": (
            None if config.weight_decay_share == 1 else round(config.weight_decay_share * steps)
        ),
    }
    if config.optimizer == "sgd":
        return CoupledSGD(**arguments)
    return Muon(
        **arguments,
        rest_factor=_REST_FACTOR,
        exclude=HEAD_LAYERS,
        compute_dtype=keras.DTypePolicy(config.precision).compute_dtype,
    )


def _rate_arguments(config: Config, steps: int) -> dict[str, Any]:
    rate = config.learning_rate
    if config.schedule == "onecycle":
        return {"learning_rate": OneCycle(rate, steps, config.warmup)}
    warmup_steps = min(round(config.warmup * steps), steps - 1)
    if config.schedule == "cosine":
        cosine = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup_steps else rate,
            steps - warmup_steps,
            warmup_target=rate if warmup_steps else None,
            warmup_steps=warmup_steps,
        )
        return {"learning_rate": cosine}
    arguments = {"learning_rate": rate, "warmup_steps": warmup_steps}  # The plateau sets the rate.
    if config.schedule == "milestones" and config.milestones:
        # Keras changes the rate after its boundary, we at the milestone.
        arguments["learning_rate"] = keras.optimizers.schedules.PiecewiseConstantDecay(
            [round(share * steps) - 1 for share, _ in config.milestones],
            [rate, *(rate * factor for _, factor in config.milestones)],
        )
    return arguments
