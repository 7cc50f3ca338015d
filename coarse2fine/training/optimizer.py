"""The papers' optimizer, and the learning rate as a function of the update."""

from typing import Any

import keras
from keras import ops

from coarse2fine.errors import check_known
from coarse2fine.training.config import Config
from coarse2fine.training.onecycle import OneCycle

DECAY_ON = ("all", "kernels")


@keras.saving.register_keras_serializable("coarse2fine")
class CoupledSGD(keras.optimizers.SGD):
    """SGD whose weight decay joins the gradient before momentum, as in Caffe and Torch.

    Keras's own `weight_decay` shrinks the weights apart from the momentum, which at momentum .9 is
    about ten times weaker. Here

        velocity = momentum * velocity - learning_rate * (gradient + decay * weight)
        weight = weight + velocity

    Args:
        learning_rate: number or schedule.
        momentum: of the velocity.
        decay: added share of the weight.
        decay_on: `all` trainable variables, or `kernels`: those of two dimensions and more, which
            leaves out biases and the scales of normalisations.
        decay_steps: updates after which decay ends; None for never.
        warmup_steps: updates over which the learning rate, whatever sets it, rises from 0.
        **kwargs: of `keras.optimizers.SGD`.

    Example:
        >>> optimizer = CoupledSGD(learning_rate=0.1, momentum=0.0, decay=0.5)
        >>> weight = keras.Variable([1.0])
        >>> optimizer.apply([ops.zeros(1)], [weight])
        >>> round(float(weight.numpy()[0]), 4)  # 1 - 0.1 * (0 + 0.5 * 1)
        0.95

    Reference:
        Loshchilov, Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, section 2, on how
        the two differ.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.9,
        decay: float = 0.0,
        decay_steps: int | None = None,
        warmup_steps: int = 0,
        decay_on: str = "all",
        **kwargs: Any,
    ):
        super().__init__(learning_rate, momentum=momentum, **kwargs)
        check_known("decay_on", decay_on, DECAY_ON)
        self.decay = decay
        self.decay_on = decay_on
        self.decay_steps = decay_steps
        self.warmup_steps = warmup_steps

    @property
    def learning_rate(self) -> Any:
        """The rate of the next update. What is set is the rate after the warm-up."""
        rate = super().learning_rate
        if not self.warmup_steps:
            return rate
        rate = ops.convert_to_tensor(rate)
        share = ops.cast(self.iterations, rate.dtype) / self.warmup_steps
        return rate * ops.minimum(share, 1.0)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        keras.optimizers.SGD.learning_rate.fset(self, value)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates one variable."""
        if self.decay and (self.decay_on == "all" or len(variable.shape) > 1):
            decay = ops.cast(self.decay, variable.dtype)
            if self.decay_steps is not None:
                decay *= ops.cast(self.iterations < self.decay_steps, variable.dtype)
            gradient = ops.add(ops.cast(gradient, variable.dtype), decay * variable)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer."""
        return {
            **super().get_config(),
            "decay": self.decay,
            "decay_on": self.decay_on,
            "decay_steps": self.decay_steps,
            "warmup_steps": self.warmup_steps,
        }


def learning_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The rate of the next update."""
    return float(ops.convert_to_numpy(optimizer.learning_rate))


def make_optimizer(config: Config, steps: int) -> CoupledSGD:
    """The optimizer of a run of `steps` updates."""
    return CoupledSGD(
        **_rate_arguments(config, steps),
        momentum=0.9,
        nesterov=config.nesterov,
        decay=config.weight_decay,
        decay_on=config.weight_decay_on,
        decay_steps=(
            None if config.weight_decay_share == 1 else round(config.weight_decay_share * steps)
        ),
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
