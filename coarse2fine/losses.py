"""The masked two-headed loss."""

from typing import Any

import keras
from keras import ops

from coarse2fine.errors import InputError, check_known

__all__ = ["MaskedTwoHeadedLoss"]

COARSE_TERM = ("all", "coarse_only")


@keras.saving.register_keras_serializable("coarse2fine")
class MaskedTwoHeadedLoss(keras.losses.Loss):
    """Cross-entropy on both levels, the fine one only where there is a fine label.

    For use by `CoarseToFine`, whose two heads give the scores. For an image x,

        loss(x) = has_fine(x) * fine_loss(x) + coarse_weight * coarse_loss(x)      (Lei 2017, Eq. 7)

    where each part is the cross-entropy of a softmax over one head's scores. The sum over images is
    divided by the number of images, whether or not they have a fine label.

    With `coarse_term="coarse_only"` the coarse loss is that of images without a fine label alone:
    where a coarse class has the sum of its children's probabilities, a fine label's loss holds the
    coarse one's already.

    Label smoothing `e` takes for the label's one-hot vector `1 - e` of it and `e` of an even
    distribution over the level's classes.

    With coarse weight .5, an image with fine loss 2 and coarse loss 1 costs 2.5 where it has a fine
    label and .5 where it has none; a batch of the two costs 1.5.

    Args:
        coarse_weight: the paper's lambda, 0 or more. At 0 the coarse head is not looked at.
        label_smoothing: 0 or more and below 1, on both levels.
        coarse_term: images that have a coarse loss, `all` (Eq. 7) or `coarse_only`.
        **kwargs: of `keras.losses.Loss`.

    Call arguments:
        y_true: `{"fine", "coarse", "has_fine"}`, each `(batch,)`. Where `has_fine` is 0 the fine
            label may be any valid class: it changes neither loss nor gradient. Else it is 1, or
            another weight of the fine loss.
        y_pred: `{"fine": (batch, num_fine), "coarse": (batch, num_coarse)}` scores; the fine part
            is left out where `y_pred` has no fine scores.

    Example:
        >>> import numpy as np
        >>> loss = MaskedTwoHeadedLoss(coarse_weight=0.0)
        >>> labels = {"fine": np.array([1, 0]), "coarse": np.array([0, 0]), "has_fine": np.ones(2)}
        >>> scores = {"fine": np.zeros((2, 2)), "coarse": np.zeros((2, 1))}
        >>> round(float(loss(labels, scores)), 4)  # log 2
        0.6931

    Reference:
        Lei, Guo, Wang, "Weakly Supervised Image Classification with Coarse and Fine Labels",
        CRV 2017, section IV-D. Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception
        Architecture for Computer Vision", CVPR 2016, section 7, on label smoothing.
    """

    def __init__(
        self,
        coarse_weight: float = 1.0,
        label_smoothing: float = 0.0,
        coarse_term: str = "all",
        name: str = "masked_two_headed_loss",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        if coarse_weight < 0:
            raise InputError(f"coarse_weight is {coarse_weight}, expected 0 or more.")
        if not 0 <= label_smoothing < 1:
            raise InputError(
                f"label_smoothing is {label_smoothing}, expected 0 or more and below 1."
            )
        check_known("coarse_term", coarse_term, COARSE_TERM)
        self.coarse_weight = coarse_weight
        self.coarse_term = coarse_term
        self.label_smoothing = label_smoothing

    def call(self, y_true: dict[str, Any], y_pred: dict[str, Any]) -> Any:
        """The loss of each image, `(batch,)`."""
        loss = 0.0
        if "fine" in y_pred:
            loss += y_true["has_fine"] * self._cross_entropy(y_true["fine"], y_pred["fine"])
        if self.coarse_weight:
            coarse_loss = self._cross_entropy(y_true["coarse"], y_pred["coarse"])
            if self.coarse_term == "coarse_only":
                coarse_loss *= ops.cast(ops.equal(y_true["has_fine"], 0.0), coarse_loss.dtype)
            loss += self.coarse_weight * coarse_loss
        return loss

    def _cross_entropy(self, labels: Any, scores: Any) -> Any:
        # `Loss.__call__` casts labels to float32.
        labels = ops.cast(labels, "int32")
        loss = ops.sparse_categorical_crossentropy(labels, scores, from_logits=True)
        if not self.label_smoothing:
            return loss
        of_all_labels = ops.logsumexp(scores, axis=-1) - ops.mean(scores, axis=-1)
        return loss + self.label_smoothing * (of_all_labels - loss)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal loss."""
        return {
            **super().get_config(),
            "coarse_weight": self.coarse_weight,
            "label_smoothing": self.label_smoothing,
            "coarse_term": self.coarse_term,
        }
