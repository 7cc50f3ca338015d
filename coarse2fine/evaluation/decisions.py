"""Which classes a network named for a set of images: what later questions are asked of."""

import dataclasses
import pathlib

import numpy as np

from coarse2fine.errors import InputError
from coarse2fine.evaluation.predictions import Predictions
from coarse2fine.files import read_arrays, write_arrays
from coarse2fine.taxonomy import Taxonomy

_NONE = -1


@dataclasses.dataclass(frozen=True)
class Decisions:
    """Labels and best classes of n images, in one order; -1 where there is none.

    Attributes:
        fine: `(n,)` fine labels.
        coarse: `(n,)` coarse labels.
        best_fine: `(n,)` best classes of the fine head.
        best_coarse: `(n,)` best classes of the coarse head.
    """

    fine: np.ndarray
    coarse: np.ndarray
    best_fine: np.ndarray
    best_coarse: np.ndarray

    @classmethod
    def of(cls, predictions: Predictions) -> "Decisions":
        """The best classes of these scores."""
        best = (
            np.full(len(predictions.coarse), _NONE) if scores is None else scores.argmax(-1)
            for scores in (predictions.fine_scores, predictions.coarse_scores)
        )
        return cls(predictions.fine, predictions.coarse, *best)

    def save(self, path: pathlib.Path) -> None:
        """Writes an `.npz` file."""
        write_arrays(path, vars(self))

    @classmethod
    def load(cls, path: pathlib.Path) -> "Decisions":
        """Reads what `save` wrote.

        Raises:
            InputError: a file that is missing or holds something else.
        """
        return cls(**read_arrays(path, [field.name for field in dataclasses.fields(cls)]))

    def check(self, path: pathlib.Path, taxonomy: Taxonomy) -> None:
        """Raises `InputError`, naming the file, unless these can be decisions on its classes."""
        sizes = {"fine": taxonomy.num_fine, "coarse": taxonomy.num_coarse}
        for name, values in vars(self).items():
            size = sizes[name.removeprefix("best_")]
            if values.dtype.kind not in "iu" or values.shape != (len(self.coarse),):
                raise InputError(
                    f"{path} is damaged: {name} is of type {values.dtype} and shape "
                    f"{values.shape}, expected a whole number for each of {len(self.coarse)} "
                    "images."
                )
            if len(values) == 0 or not _NONE <= values.min() <= values.max() < size:
                raise InputError(
                    f"{path} is damaged: {name} holds no classes, or others than the {size} of "
                    "the run's taxonomy."
                )

    @property
    def has_fine_head(self) -> bool:
        """Whether the network names fine classes."""
        return bool((self.best_fine != _NONE).any())

    def is_coarse_right(self, taxonomy: Taxonomy, from_fine: bool) -> np.ndarray:
        """`(n,)`: whether each image's coarse class is named.

        Args:
            taxonomy: of the classes.
            from_fine: by the parent of the best fine class; else by the coarse head.
        """
        named = taxonomy.coarsen(self.best_fine) if from_fine else self.best_coarse
        return named == self.coarse

    def confusion(self, taxonomy: Taxonomy) -> tuple[np.ndarray, Taxonomy]:
        """The confusion matrix of the finest classes that are named, and these classes.

        Those of a network without a fine head are the coarse classes, each its own parent.
        """
        if self.has_fine_head:
            return self.fine_confusion(taxonomy.num_fine), taxonomy
        names, num_coarse = taxonomy.coarse_names, taxonomy.num_coarse
        return self.coarse_confusion(num_coarse), Taxonomy(names, names, tuple(range(num_coarse)))

    def coarse_confusion(self, num_coarse: int) -> np.ndarray:
        """The coarse head's `(num_coarse, num_coarse)` confusion matrix, `[target, predicted]`."""
        return _matrix(self.coarse * num_coarse + self.best_coarse, num_coarse)

    def fine_confusion(self, num_fine: int) -> np.ndarray:
        """The fine head's `(num_fine, num_fine)` confusion matrix, `[target, predicted]`.

        Of the images that have a fine label.
        """
        has_fine = self.fine != _NONE
        return _matrix(self.fine[has_fine] * num_fine + self.best_fine[has_fine], num_fine)


def _matrix(cells: np.ndarray, num_classes: int) -> np.ndarray:
    # `np.bincount` would take twice the memory of as many classes squared.
    matrix = np.zeros((num_classes, num_classes), np.int32)
    cells, counts = np.unique(cells, return_counts=True)
    matrix.flat[cells] = counts
    return matrix
