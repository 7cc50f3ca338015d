"""The masked two-headed loss against Eq. 7 written out in numpy."""

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.errors import InputError
from coarse2fine.losses import MaskedTwoHeadedLoss


def log_softmax(scores):
    shifted = scores - scores.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def make_batch(seed, batch=7, num_fine=6, num_coarse=3):
    rng = np.random.default_rng(seed)
    labels = {
        "fine": rng.integers(num_fine, size=batch),
        "coarse": rng.integers(num_coarse, size=batch),
        "has_fine": rng.integers(2, size=batch).astype("float32"),
    }
    scores = {
        "fine": rng.normal(size=(batch, num_fine)).astype("float32"),
        "coarse": rng.normal(size=(batch, num_coarse)).astype("float32"),
    }
    return labels, scores


def equation_7(labels, scores, coarse_weight):
    rows = np.arange(len(labels["fine"]))
    fine = -log_softmax(scores["fine"])[rows, labels["fine"]]
    coarse = -log_softmax(scores["coarse"])[rows, labels["coarse"]]
    return (labels["has_fine"] * fine + coarse_weight * coarse).mean()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("coarse_weight", [0.0, 0.3, 1.0])
def test_equals_equation_7_over_the_whole_batch(seed, coarse_weight):
    labels, scores = make_batch(seed)
    loss = MaskedTwoHeadedLoss(coarse_weight)(labels, scores)
    np.testing.assert_allclose(loss, equation_7(labels, scores, coarse_weight), rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_a_hidden_fine_label_changes_neither_loss_nor_gradient(seed):
    labels, scores = make_batch(seed)
    other = {**labels, "fine": np.where(labels["has_fine"] == 1, labels["fine"], 0)}
    results = []
    for truth in (labels, other):
        fine = tf.Variable(scores["fine"])
        with tf.GradientTape() as tape:
            loss = MaskedTwoHeadedLoss()(truth, {**scores, "fine": fine})
        results.append((loss.numpy(), tape.gradient(loss, fine).numpy()))
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert np.all(results[0][1][labels["has_fine"] == 0] == 0)


def test_a_batch_without_fine_labels_has_a_finite_loss():
    labels, scores = make_batch(0)
    labels["has_fine"] = np.zeros_like(labels["has_fine"])
    loss = MaskedTwoHeadedLoss()(labels, scores)
    np.testing.assert_allclose(loss, equation_7(labels, scores, 1.0), rtol=1e-6)


def test_labels_beyond_256_survive_the_cast_to_float():
    scores = np.zeros((1, 5000), "float32")
    scores[0, 4097] = 50.0
    truth = {"fine": np.array([4097]), "coarse": np.array([0]), "has_fine": np.ones(1)}
    loss = MaskedTwoHeadedLoss(0.0)(truth, {"fine": scores, "coarse": np.zeros((1, 1))})
    assert float(loss) < 1e-6


@pytest.mark.parametrize("smoothing", [0.1, 0.9])
def test_smoothed_labels_are_part_of_the_label_and_part_of_all(smoothing):
    labels, scores = make_batch(1)

    def loss(level):
        target = np.eye(scores[level].shape[-1])[labels[level]]
        target = (1 - smoothing) * target + smoothing / target.shape[-1]
        return -(target * log_softmax(scores[level])).sum(-1)

    expected = (labels["has_fine"] * loss("fine") + 0.3 * loss("coarse")).mean()
    found = MaskedTwoHeadedLoss(0.3, label_smoothing=smoothing)(labels, scores)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_smoothing_that_leaves_nothing_of_a_label_is_refused(smoothing):
    with pytest.raises(InputError) as error:
        MaskedTwoHeadedLoss(label_smoothing=smoothing)
    assert str(error.value) == f"label_smoothing is {smoothing}, expected 0 or more and below 1."


def test_negative_weight_is_refused():
    with pytest.raises(InputError, match=r"^coarse_weight is -1, expected 0 or more\.$"):
        MaskedTwoHeadedLoss(-1)
