"""Steps of kernels along orthogonal directions."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from coarse2fine.training.coupled_sgd import CoupledSGD

_ITERATIONS = 3
_A, _B, _C = 3.4445, -4.7750, 2.0315
_SMALL = 1e-12


@keras.saving.register_keras_serializable("coarse2fine")
class Muon(CoupledSGD):
    """SGD that orthogonalises the steps of kernels and keeps the kernels' norms.

    Use it where updates are few, with a network that normalises behind its convolutions, to which
    the norm of a kernel then makes no difference. A kernel of two dimensions and more is taken as a
    matrix with a column for each of its outputs. With g its gradient, |.| the norm of all of its
    entries and o(.) the nearest matrix with orthogonal columns, or rows, of one length:

        m = momentum * m + g
        d = o(m)                            or with Nesterov momentum o(momentum * m + g)
        kernel = kernel - learning_rate * |kernel| * d / |d|,    then brought back to its norm

    so `learning_rate` is the length of a step as a share of the kernel's norm, and decay has no
    effect on it. o(.) is an approximation by three Newton-Schulz iterations. Biases, the scales of
    normalisations and what `exclude` names are `CoupledSGD`'s, whose rates are larger.

    `keras.optimizers.Muon` is for dense kernels, and gives those of convolutions to AdamW.

    Args:
        learning_rate: number or schedule.
        momentum: of the velocity.
        rest: factor on the learning rate of all that is `CoupledSGD`'s.
        exclude: parts of the paths of kernels that are not orthogonalised: a network's last ones.
        compute_dtype: of the Newton-Schulz iterations; bfloat16 suffices and takes less time.
        **kwargs: of `CoupledSGD`.

    Example:
        >>> optimizer = Muon(learning_rate=0.1, momentum=0.0)
        >>> kernel = keras.Variable([[0.0, 2.0], [2.0, 0.0]])
        >>> optimizer.apply([ops.array([[5.0, 0.0], [0.0, 0.5]])], [kernel])
        >>> kernel.numpy().round(1)  # Both directions of the gradient count about the same.
        array([[-0.2,  2. ],
               [ 2. , -0.2]], dtype=float32)

    Reference:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; norms are
        held as in the same author's program for CIFAR-10.
    """

    def __init__(
        self,
        learning_rate: Any = 0.03,
        momentum: float = 0.9,
        rest: float = 7.0,
        exclude: Sequence[str] = (),
        compute_dtype: str = "float32",
        **kwargs: Any,
    ):
        super().__init__(learning_rate, momentum=momentum, **kwargs)
        self.rest = rest
        self.exclude = tuple(exclude)
        self.compute_dtype = compute_dtype

    def build(self, variables: list[Any]) -> None:
        """Makes the optimizer's variables."""
        super().build(variables)
        self._is_orthogonalized = [
            len(variable.shape) > 1 and not any(part in variable.path for part in self.exclude)
            for variable in variables
        ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates one variable."""
        index = self._get_variable_index(variable)
        if not self._is_orthogonalized[index]:
            super().update_step(gradient, variable, self.rest * learning_rate)
            return
        gradient = ops.cast(gradient, variable.dtype)
        direction = self._orthogonalized(self._with_momentum(gradient, index))
        norm = _norm(variable)
        share = ops.cast(learning_rate, variable.dtype)
        moved = variable - share * norm / (_norm(direction) + _SMALL) * direction
        self.assign(variable, moved * (norm / (_norm(moved) + _SMALL)))

    def _with_momentum(self, gradient: Any, index: int) -> Any:
        if not self.momentum:
            return gradient
        velocity = self.momentum * self.momentums[index] + gradient
        self.assign(self.momentums[index], velocity)
        return gradient + self.momentum * velocity if self.nesterov else velocity

    def _orthogonalized(self, kernel: Any) -> Any:
        """The nearest matrix of orthogonal columns, or rows, of about one length."""
        x = ops.reshape(kernel, (-1, kernel.shape[-1]))
        x = ops.cast(x / (_norm(x) + _SMALL), self.compute_dtype)
        is_wide = x.shape[0] < x.shape[1]
        if is_wide:
            x = ops.transpose(x)
        for _ in range(_ITERATIONS):
            gram = ops.matmul(ops.transpose(x), x)
            x = _A * x + ops.matmul(x, _B * gram + _C * ops.matmul(gram, gram))
        x = ops.transpose(x) if is_wide else x
        return ops.reshape(ops.cast(x, kernel.dtype), kernel.shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer."""
        return {
            **super().get_config(),
            "rest": self.rest,
            "exclude": list(self.exclude),
            "compute_dtype": self.compute_dtype,
        }


def _norm(x: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(x)))
