"""Orthogonalised steps of kernels."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from coarse2fine.errors import InputError
from coarse2fine.training.coupled_sgd import CoupledSGD

_ITERATIONS = 3
_A, _B, _C = 3.4445, -4.7750, 2.0315  # Of the reference: singular values soon come near 1.
_SMALL = 1e-12


@keras.saving.register_keras_serializable("coarse2fine")
class Muon(CoupledSGD):
    """SGD that orthogonalises the steps of kernels and keeps the kernels' norms.

    Use it where updates are few, with a network that normalises behind its convolutions, such as
    `fastnet`: the norm of a kernel makes no difference there. A kernel is taken as a matrix whose
    columns are its last axis, the outputs of a convolution or dense layer; kernels of depthwise and
    grouped convolutions and of attention's projections, which are no such matrix, are stepped
    alike. With g its gradient, |.| the norm of all of its entries and o(.) the nearest matrix of
    orthonormal columns, or rows:

        m = momentum * m + g
        d = o(m)                            or with Nesterov momentum o(momentum * m + g)
        kernel = kernel - learning_rate * |kernel| * d / |d|,    then brought back to its norm

    So `learning_rate` is the length of a step as a share of the kernel's norm. o(.) is approximated
    by three Newton-Schulz iterations. These kernels do not decay, and none may be all zeros: it
    would stay so. All other variables are `CoupledSGD`'s, whose rates are larger.

    `keras.optimizers.Muon` is for dense kernels, and gives those of convolutions to AdamW.

    Args:
        learning_rate: number or schedule.
        momentum: of the gradients.
        rest_factor: what the learning rate is multiplied by for variables that are `CoupledSGD`'s.
        exclude: parts of variables' paths, such as the names of layers: their kernels are
            `CoupledSGD`'s, too. The reference excludes a network's last layer.
        compute_dtype: of the iterations; bfloat16 suffices.
        **kwargs: of `CoupledSGD`.

    Raises:
        InputError: an `exclude` that is one string, or a factor that is not above 0; when it is
            built, no kernel to orthogonalise.

    Example:
        >>> optimizer = Muon(learning_rate=0.1, momentum=0.0)
        >>> kernel = keras.Variable([[0.0, 2.0], [2.0, 0.0]], name="kernel")
        >>> optimizer.apply([ops.array([[5.0, 0.0], [0.0, 0.5]])], [kernel])
        >>> kernel.numpy().round(1)  # Both directions of the gradient count about the same.
        array([[-0.2,  2. ],
               [ 2. , -0.2]], dtype=float32)

    Reference:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024. Their
        program for CIFAR-10, airbench94_muon, holds norms, too: at the root of the number of
        outputs, and here at what they were.
    """

    def __init__(
        self,
        learning_rate: Any = 0.03,
        momentum: float = 0.9,
        rest_factor: float = 1.0,
        exclude: Sequence[str] = (),
        compute_dtype: str = "float32",
        **kwargs: Any,
    ):
        super().__init__(learning_rate, momentum=momentum, **kwargs)
        if isinstance(exclude, str):
            raise InputError(f"exclude is {exclude!r}, expected a sequence of parts of paths.")
        if rest_factor <= 0:
            raise InputError(f"rest_factor is {rest_factor}, expected a number above 0.")
        self.rest_factor = rest_factor
        self.exclude = tuple(exclude)
        self.compute_dtype = compute_dtype

    def is_orthogonalised(self, variable: keras.Variable) -> bool:
        """Whether it is a kernel, and not excluded."""
        parts = variable.path.split("/")
        is_kernel = len(variable.shape) > 1 and parts[-1].endswith("kernel")
        return is_kernel and not set(parts) & set(self.exclude)

    def build(self, variables: list[keras.Variable]) -> None:
        """Makes the optimizer's variables."""
        super().build(variables)
        self._orthogonalised = [self.is_orthogonalised(v) for v in self._trainable_variables]
        if not any(self._orthogonalised):
            raise InputError(
                "There is no kernel to orthogonalise: no trainable variable of two dimensions and "
                f"more that is named a kernel and lies outside of {self.exclude}."
            )

    def check_kernels(self) -> None:
        """Checks the kernels of a network that is not trained yet.

        Raises:
            InputError: one is all zeros.
        """
        for variable, is_orthogonalised in zip(
            self._trainable_variables, self._orthogonalised, strict=True
        ):
            if is_orthogonalised and not ops.convert_to_numpy(variable).any():
                raise InputError(
                    f"The kernel {variable.path} is all zeros, and would stay so with the "
                    "optimizer muon: choose sgd."
                )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates one variable."""
        index = self._get_variable_index(variable)
        if not self._orthogonalised[index]:
            super().update_step(gradient, variable, self.rest_factor * learning_rate)
            return
        gradient = ops.cast(gradient, variable.dtype)
        direction = self._orthogonal(self._with_momentum(gradient, index))
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

    def _orthogonal(self, kernel: Any) -> Any:
        """About the nearest matrix of orthonormal columns, or rows."""
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
            "rest_factor": self.rest_factor,
            "exclude": list(self.exclude),
            "compute_dtype": self.compute_dtype,
        }


def _norm(x: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(x)))
