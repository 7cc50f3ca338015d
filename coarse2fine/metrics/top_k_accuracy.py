"""How often the right class is among the best k."""

from typing import Any

import keras
from keras import ops

from coarse2fine.errors import InputError


@keras.saving.register_keras_serializable("coarse2fine")
class TopKAccuracy(keras.metrics.MeanMetricWrapper):
    """Share of images whose class is among the k with the highest scores.

    Use it in place of Keras's, which counts every class that ties with the k-th as among the best,
    so that a network whose scores are all equal is always right. Here, of equal scores the lower
    class number comes first.

        rank(x) = #(classes that score higher) + #(lower classes that score the same)
        accuracy = mean(rank < k)

    Args:
        k: how many classes count as the best.
        **kwargs: of `keras.metrics.Metric`.

    Call arguments:
        y_true: `(batch,)` labels.
        y_pred: `(batch, num_classes)` scores.
        sample_weight: `(batch,)`, optional; `has_fine` for fine labels.

    Example:
        >>> import numpy as np
        >>> float(TopKAccuracy(k=2)(np.array([0, 1, 2]), np.zeros((3, 3))))
        0.6666666865348816
    """

    def __init__(self, k: int, name: str = "top_k_accuracy", **kwargs: Any):
        super().__init__(self._matches, name=name, **kwargs)
        if k < 1:
            raise InputError(f"TopKAccuracy: k is {k}, expected 1 or more.")
        self.k = k

    def _matches(self, y_true: Any, y_pred: Any) -> Any:
        labels = ops.expand_dims(ops.cast(y_true, "int32"), -1)
        own = ops.take_along_axis(y_pred, labels, axis=-1)
        is_lower = ops.arange(y_pred.shape[-1], dtype="int32") < labels
        before = ops.logical_or(y_pred > own, ops.logical_and(y_pred == own, is_lower))
        rank = ops.sum(ops.cast(before, "int32"), axis=-1)
        return ops.cast(rank < self.k, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric."""
        return {"name": self.name, "dtype": self.dtype, "k": self.k}
