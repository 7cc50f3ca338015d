"""How often the best fine class lies in the right coarse class."""

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("coarse2fine")
class ParentAccuracy(keras.metrics.MeanMetricWrapper):
    """Coarse accuracy of a fine head: how often its best class has the right parent.

    Chen 2018's A_FC: `mean(parent[argmax(scores)] == coarse label)`.

    Args:
        parent: `num_fine` coarse classes, one for each fine class.
        **kwargs: of `keras.metrics.Metric`.

    Call arguments:
        y_true: `(batch,)` coarse labels.
        y_pred: `(batch, num_fine)` fine scores.
        sample_weight: `(batch,)`, optional.

    Example:
        >>> import numpy as np
        >>> metric = ParentAccuracy(parent=(0, 0, 1))
        >>> float(metric(np.array([0, 0]), np.array([[0.1, 0.9, 0.0], [0.2, 0.1, 0.7]])))
        0.5

    Reference:
        Chen, Ding, Chin, Marculescu, "Understanding the Impact of Label Granularity on CNN-based
        Image Classification", ICDM workshops 2018.
    """

    def __init__(self, parent: Any, name: str = "parent_accuracy", **kwargs: Any):
        super().__init__(self._matches, name=name, **kwargs)
        self.parent = tuple(int(k) for k in parent)

    def _matches(self, y_true: Any, y_pred: Any) -> Any:
        parent = ops.convert_to_tensor(np.array(self.parent, "int32"))
        named = ops.take(parent, ops.argmax(y_pred, axis=-1))
        return ops.cast(ops.equal(named, ops.cast(y_true, "int32")), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric."""
        return {"name": self.name, "dtype": self.dtype, "parent": self.parent}
