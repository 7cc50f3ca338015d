"""How often each class is taken for each other one."""

from typing import Any

import keras
import numpy as np
from keras import ops

from coarse2fine.errors import InputError
from coarse2fine.metrics._stateless_scope import in_stateless_scope

_LOWEST = -(2**31)  # of int32
_BLOCK = 2**20  # Cells that are zeroed at once.


@keras.saving.register_keras_serializable("coarse2fine")
class ConfusionMatrix(keras.metrics.Metric):
    """Counts images by their label and by the class that the scores name.

    Use it in a loop of your own that updates it batch by batch and asks for the result at the end.
    It is no metric for `model.compile`: Keras asks those for their results at every step, in `fit`
    as in `evaluate`, here for a whole matrix. With images counted::

        C[i, j] = #(images of class i whose best class is j)

    Of equal scores the lower class is the best. Counts are int32: exact up to 2^31 - 1 a cell,
    where float32 stops counting at 2^24. On TensorFlow updates and `reset_state` write into the
    matrix in place, so that 10,000 classes take 4 * 10^8 bytes, and as much again for a result.
    Under a strategy every replica has a matrix, and the result is their sum.

    Args:
        num_classes: how many classes there are.

    Call arguments:
        y_true: `(batch,)` labels.
        y_pred: `(batch, num_classes)` scores.
        sample_weight: `(batch,)` mask, optional, as `has_fine`: 0 leaves out, all else counts once.

    Returns:
        `(num_classes, num_classes)` int32 counts, `[target, predicted]`.

    Raises:
        InputError: fewer than one class, or scores of another number of classes; from `result`, a
            label that is no class. Compiled code cannot raise: there such a label makes every
            count of the result negative.

    Example:
        >>> import numpy as np
        >>> matrix = ConfusionMatrix(num_classes=2)
        >>> matrix.update_state(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]))
        >>> matrix.result().numpy().tolist()
        [[1, 1], [0, 1]]
    """

    def __init__(self, num_classes: int, name: str = "confusion_matrix"):
        super().__init__(dtype="int32", name=name)
        if num_classes < 1:
            raise InputError(f"ConfusionMatrix: num_classes is {num_classes}, expected 1 or more.")
        self.num_classes = num_classes
        self.counts = self.add_variable((num_classes,) * 2, "zeros", dtype="int32", name="counts")
        self.num_outside = self.add_variable((1,), "zeros", dtype="int32", name="num_outside")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch."""
        y_pred = ops.convert_to_tensor(y_pred)
        if len(y_pred.shape) != 2 or y_pred.shape[-1] != self.num_classes:
            raise InputError(
                f"ConfusionMatrix: scores of shape {tuple(y_pred.shape)} are given, expected "
                f"(batch, {self.num_classes})."
            )
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        predicted = ops.argmax(y_pred, axis=-1)
        is_class = ops.logical_and(labels >= 0, labels < self.num_classes)
        is_counted = ops.ones_like(is_class)
        if sample_weight is not None:
            is_counted = ops.reshape(ops.cast(sample_weight, "bool"), (-1,))
        is_outside = ops.logical_and(is_counted, ops.logical_not(is_class))
        cells = ops.stack([ops.where(is_class, labels, 0), predicted], axis=-1)
        _add_at(self.counts, cells, ops.cast(ops.logical_and(is_counted, is_class), "int32"))
        _add_at(
            self.num_outside,
            ops.zeros((1, 1), "int32"),
            ops.sum(ops.cast(is_outside, "int32"), keepdims=True),
        )

    def reset_state(self) -> None:
        """Forgets all counts."""
        if _writes_in_place():
            _zero_in_place(self.counts.value)
            self.num_outside.assign(ops.zeros_like(self.num_outside))
        else:
            super().reset_state()

    def result(self) -> Any:
        """The counts so far."""
        counts, num_outside = ops.copy(self.counts), ops.copy(self.num_outside)
        try:
            known = int(ops.convert_to_numpy(num_outside)[0])
        except (NotImplementedError, TypeError):  # So refuse TensorFlow and JAX in compiled code.
            return counts + ops.where(num_outside > 0, np.int32(_LOWEST), np.int32(0))
        if known:
            raise InputError(
                f"ConfusionMatrix: {known} images have a label outside 0 to "
                f"{self.num_classes - 1}. Give images without a label sample_weight 0."
            )
        return counts

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric."""
        return {"name": self.name, "num_classes": self.num_classes}


def _writes_in_place() -> bool:
    return keras.backend.backend() == "tensorflow" and not in_stateless_scope()


def _add_at(variable: keras.Variable, cells: Any, values: Any) -> None:
    """Adds values to cells of a variable; those that name one cell add up."""
    if _writes_in_place():
        _add_in_place(variable.value, cells, values)
    else:
        variable.assign_add(ops.scatter(cells, values, variable.shape))


def _add_in_place(variable: Any, cells: Any, values: Any) -> None:
    """Adds to a TensorFlow variable, where Keras can only assign a whole new matrix.

    `tf.Variable.scatter_nd_add` refuses a variable of several replicas. The operation behind it
    takes one replica's part: within a replica its own, outside of any the first, as the result is
    the sum of all.
    """
    import tensorflow as tf

    if tf.distribute.in_cross_replica_context():
        variable = tf.distribute.get_strategy().experimental_local_results(variable)[0]
    tf.raw_ops.ResourceScatterNdAdd(ref=variable.handle, indices=cells, updates=values)


def _zero_in_place(variable: Any) -> None:
    """Zeroes a TensorFlow variable row by row: within a replica its own, outside of any all."""
    import tensorflow as tf

    parts = [variable]
    is_outside = not tf.distribute.has_strategy() or tf.distribute.in_cross_replica_context()
    if isinstance(variable, tf.distribute.DistributedValues) and is_outside:
        parts = variable.distribute_strategy.experimental_local_results(variable)
    num_rows, num_columns = variable.shape
    block = max(1, _BLOCK // num_columns)
    for start in range(0, num_rows, block):
        rows = np.arange(start, min(start + block, num_rows), dtype=np.int32)[:, np.newaxis]
        zeros = tf.zeros((len(rows), num_columns), variable.dtype)
        for part in parts:
            tf.raw_ops.ResourceScatterNdUpdate(ref=part.handle, indices=rows, updates=zeros)
