"""SGD with the papers' weight decay."""

from typing import Any

import keras
from keras import ops

from coarse2fine.errors import check_known

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
