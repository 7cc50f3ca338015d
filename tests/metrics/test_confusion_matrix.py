"""Counting images by label and best class: against plain counting, anywhere Keras computes."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.errors import InputError
from coarse2fine.metrics import ConfusionMatrix, confusion_matrix
from coarse2fine.training.strategy import make_strategy

NUM_CLASSES = 4


def make_batch(seed, size, num_classes=NUM_CLASSES):
    """Labels, scores that tie often, and a mask."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 3, (size, num_classes)).astype("float32")
    return rng.integers(0, num_classes, size), scores, rng.integers(0, 2, size).astype("float32")


def count(labels, scores, mask=None):
    """One image at a time; of equal scores the first is the best."""
    counts = np.zeros((scores.shape[1],) * 2, int)
    for i in range(len(labels)):
        if mask is None or mask[i]:
            best = max(range(scores.shape[1]), key=lambda j, i=i: (scores[i][j], -j))
            counts[labels[i], best] += 1
    return counts


@pytest.fixture
def mirrored():
    return make_strategy("mirrored")


@pytest.mark.parametrize("is_masked", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_equals_plain_counting_over_batches(seed, is_masked):
    matrix = ConfusionMatrix(NUM_CLASSES)
    expected = np.zeros((NUM_CLASSES, NUM_CLASSES), int)
    for batch, size in enumerate((50, 1, 20)):
        labels, scores, mask = make_batch((seed, batch), size)
        mask = mask if is_masked else None
        matrix.update_state(labels, scores, sample_weight=mask)
        expected += count(labels, scores, mask)
        np.testing.assert_array_equal(matrix.result(), expected)
    assert expected.sum() > 20


def test_rows_are_targets_and_columns_predictions():
    matrix = ConfusionMatrix(3)
    matrix.update_state(np.array([2]), np.array([[0.1, 0.9, 0.3]]))
    np.testing.assert_array_equal(matrix.result(), [[0, 0, 0], [0, 0, 0], [0, 1, 0]])


def test_what_is_masked_has_any_label_or_none():
    labels, scores, mask = make_batch(0, 100)
    matrix = ConfusionMatrix(NUM_CLASSES)
    unknown = np.where(mask == 1, labels, np.arange(100) % 2 * 1000 - 1)
    matrix.update_state(unknown, scores, sample_weight=mask)
    np.testing.assert_array_equal(matrix.result(), count(labels, scores, mask))


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_labels_of_any_type_count(dtype):
    labels, scores, mask = make_batch(0, 50)
    matrix = ConfusionMatrix(NUM_CLASSES)
    weights = mask if dtype == "float32" else mask.astype(dtype)
    matrix.update_state(labels.astype(dtype), scores.astype("float16"), sample_weight=weights)
    np.testing.assert_array_equal(matrix.result(), count(labels, scores, mask))


@pytest.mark.parametrize("start", [2**24, 2**31 - 4])
def test_a_cell_counts_exactly_where_float32_does_not(start):
    matrix = ConfusionMatrix(2)
    matrix.counts.assign(np.full((2, 2), start))
    matrix.update_state(np.array([0, 0, 0]), np.eye(2)[[1, 1, 1]])
    assert matrix.result().numpy().tolist() == [[start, start + 3], [start, start]]


def test_a_result_stays_as_it_was_while_counting_goes_on():
    labels, scores, _ = make_batch(0, 50)
    matrix = ConfusionMatrix(NUM_CLASSES)
    first = matrix(labels, scores)
    before = first.numpy().copy()
    second = matrix(labels, scores)
    np.testing.assert_array_equal(first, before)
    np.testing.assert_array_equal(second, 2 * before)


def test_reset_forgets_everything():
    labels, scores, _ = make_batch(0, 50)
    matrix = ConfusionMatrix(NUM_CLASSES)
    matrix.update_state(np.full(50, -1), scores)
    matrix.reset_state()
    np.testing.assert_array_equal(matrix.result(), np.zeros((NUM_CLASSES, NUM_CLASSES)))
    np.testing.assert_array_equal(matrix(labels, scores), count(labels, scores))


@pytest.mark.parametrize("is_compiled", [False, True])
def test_reset_forgets_every_block_of_rows(monkeypatch, is_compiled):
    # Two rows of five at once, so the last block is of one.
    monkeypatch.setattr(confusion_matrix, "_BLOCK", 11)
    matrix = ConfusionMatrix(5)
    matrix.counts.assign(np.arange(1, 26).reshape(5, 5))
    matrix.num_outside.assign([3])
    reset = tf.function(matrix.reset_state) if is_compiled else matrix.reset_state
    reset()
    np.testing.assert_array_equal(matrix.result(), np.zeros((5, 5)))


def test_reset_makes_no_second_matrix(monkeypatch):
    matrix = ConfusionMatrix(NUM_CLASSES)
    matrix.update_state(*make_batch(0, 50)[:2])
    assigned = []
    assign = keras.Variable.assign
    monkeypatch.setattr(
        keras.Variable, "assign", lambda self, v: assigned.append(tuple(v.shape)) or assign(self, v)
    )
    matrix.reset_state()
    assert assigned == [(1,)]
    np.testing.assert_array_equal(matrix.result(), np.zeros((NUM_CLASSES, NUM_CLASSES)))


def test_a_result_stays_as_it_was_when_the_matrix_is_reset():
    labels, scores, _ = make_batch(0, 50)
    matrix = ConfusionMatrix(NUM_CLASSES)
    result = matrix(labels, scores)
    matrix.reset_state()
    np.testing.assert_array_equal(result, count(labels, scores))


@pytest.mark.parametrize("where", ["in the scope", "outside", "in a replica"])
def test_reset_forgets_what_every_replica_has_counted(mirrored, where):
    labels, scores, _ = make_batch(0, 21)
    with mirrored.scope():
        matrix = ConfusionMatrix(NUM_CLASSES)
    mirrored.run(tf.function(lambda: matrix.update_state(labels, scores)))
    if where == "in the scope":
        with mirrored.scope():
            matrix.reset_state()
    elif where == "outside":
        matrix.reset_state()
    else:
        mirrored.run(tf.function(matrix.reset_state))
    values = mirrored.experimental_local_results(matrix.counts.value)
    assert len(values) == 2
    for value in values:
        np.testing.assert_array_equal(value, np.zeros((NUM_CLASSES, NUM_CLASSES)))


@pytest.mark.parametrize("label", [-1, NUM_CLASSES])
def test_a_label_that_is_no_class_is_an_error(label):
    labels, scores, _ = make_batch(0, 50)
    labels[:3] = label
    matrix = ConfusionMatrix(NUM_CLASSES)
    matrix.update_state(labels, scores)
    matrix.update_state(*make_batch(1, 50))
    with pytest.raises(InputError) as caught:
        matrix.result()
    assert str(caught.value) == (
        "ConfusionMatrix: 3 images have a label outside 0 to 3. Give images without a label "
        "sample_weight 0."
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_in_compiled_code_a_label_that_is_no_class_makes_all_counts_negative(jit_compile):
    matrix = ConfusionMatrix(2)
    compiled = tf.function(lambda *batch: matrix(*batch), jit_compile=jit_compile)
    np.testing.assert_array_equal(
        compiled(np.array([1, 0]), np.eye(2, dtype="float32")), [[0, 1], [1, 0]]
    )
    matrix.counts.assign(np.full((2, 2), 2**31 - 1))
    counts = compiled(np.array([-1, 2]), np.eye(2, dtype="float32")).numpy()
    # Even the largest count.
    assert (counts < 0).all()


@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 1, 4)])
def test_scores_of_other_classes_are_an_error(shape):
    with pytest.raises(InputError) as caught:
        ConfusionMatrix(4).update_state(np.zeros(5, int), np.zeros(shape))
    assert str(caught.value) == (
        f"ConfusionMatrix: scores of shape {shape} are given, expected (batch, 4)."
    )


def test_no_classes_are_an_error():
    with pytest.raises(InputError) as caught:
        ConfusionMatrix(0)
    assert str(caught.value) == "ConfusionMatrix: num_classes is 0, expected 1 or more."


def test_where_keras_hides_whether_it_is_stateless_counts_are_the_same(monkeypatch):
    name = "coarse2fine.metrics._stateless_scope"
    spec = importlib.util.find_spec(name)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "keras.src.backend.common.stateless_scope", None)
    spec.loader.exec_module(module)
    assert module.in_stateless_scope()
    monkeypatch.setattr(confusion_matrix, "in_stateless_scope", module.in_stateless_scope)
    matrix = ConfusionMatrix(NUM_CLASSES)
    for _ in range(2):
        matrix.reset_state()
        labels, scores, mask = make_batch(0, 50)
        matrix.update_state(labels, scores, sample_weight=mask)
        matrix.update_state(labels, scores)
        expected = count(labels, scores, mask) + count(labels, scores)
        np.testing.assert_array_equal(matrix.result(), expected)


def test_a_stateless_update_leaves_the_metric_as_it_is():
    labels, scores, _ = make_batch(0, 50)
    matrix = ConfusionMatrix(NUM_CLASSES)
    matrix.update_state(labels, scores)
    variables = matrix.stateless_update_state(matrix.variables, labels, scores)
    expected = count(labels, scores)
    np.testing.assert_array_equal(matrix.stateless_result(variables), 2 * expected)
    np.testing.assert_array_equal(matrix.result(), expected)


def test_counts_of_all_replicas_are_summed(mirrored):
    assert mirrored.num_replicas_in_sync == 2
    with mirrored.scope():
        matrix = ConfusionMatrix(NUM_CLASSES)
    _, scores, mask = make_batch(0, 21)
    # The second replica's images have the last class, whatever they show.
    label_of_replica = tf.constant([0, NUM_CLASSES - 1])

    @tf.function
    def update():
        def step():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            own = tf.zeros(21, tf.int32) + tf.gather(label_of_replica, replica)
            matrix.update_state(own, scores, sample_weight=mask)

        mirrored.run(step)

    expected = sum(count(np.full(21, label), scores, mask) for label in (0, NUM_CLASSES - 1))
    for times in (1, 2):
        update()
        with mirrored.scope():
            np.testing.assert_array_equal(matrix.result(), times * expected)
    with mirrored.scope():
        matrix.reset_state()
        np.testing.assert_array_equal(matrix.result(), np.zeros((NUM_CLASSES, NUM_CLASSES)))


def test_outside_of_replicas_every_image_counts_once(mirrored):
    labels, scores, _ = make_batch(0, 21)
    with mirrored.scope():
        matrix = ConfusionMatrix(NUM_CLASSES)
        matrix.update_state(labels[:11], scores[:11])
        np.testing.assert_array_equal(matrix.result(), count(labels[:11], scores[:11]))
    matrix.update_state(labels[11:], scores[11:])
    with mirrored.scope():
        np.testing.assert_array_equal(matrix.result(), count(labels, scores))
        matrix.update_state(np.array([-1]), scores[:1])
        with pytest.raises(InputError, match=r"^ConfusionMatrix: 1 images have a label outside"):
            matrix.result()


@pytest.mark.parametrize("strategy", ["single", "mirrored"])
def test_evaluate_counts_every_image_once(strategy):
    labels, scores, mask = make_batch(0, 45)  # The last batch is of 13, uneven over two replicas.
    with make_strategy(strategy).scope():
        images = keras.Input((NUM_CLASSES,))
        model = keras.Model(images, keras.layers.Identity()(images))
        model.compile(
            loss=lambda labels, scores: keras.ops.mean(scores, axis=-1),
            weighted_metrics=[ConfusionMatrix(NUM_CLASSES)],
        )

    def evaluate(labels, mask):
        data = tf.data.Dataset.from_tensor_slices((scores, labels, mask)).batch(16)
        return model.evaluate(data, verbose=0, return_dict=True)["confusion_matrix"]

    everything = np.ones(45, "float32")
    np.testing.assert_array_equal(evaluate(labels, everything), count(labels, scores))
    masked = np.where(mask, labels, -1)
    np.testing.assert_array_equal(evaluate(masked, mask), count(labels, scores, mask))
    with pytest.raises(InputError, match=r"^ConfusionMatrix: 1 images have a label outside 0 to"):
        evaluate(np.r_[labels[:-1], -1], everything)


ON_JAX = """
import jax
import keras
import numpy as np
from coarse2fine.metrics import ConfusionMatrix

assert keras.backend.backend() == "jax"
rng = np.random.default_rng(0)
labels, best, mask = rng.integers(0, 3, 40), rng.integers(0, 3, 40), rng.integers(0, 2, 40)
scores = np.eye(3)[best]
expected = np.zeros((3, 3), int)
np.add.at(expected, (labels, best), mask)
labels[mask == 0] = -1

matrix = ConfusionMatrix(3)
for times in (1, 2):
    matrix.update_state(labels, scores, sample_weight=mask)
    np.testing.assert_array_equal(matrix.result(), times * expected)
matrix.reset_state()

@jax.jit
def count(labels):
    variables = [variable.value for variable in matrix.variables]
    variables = matrix.stateless_update_state(variables, labels, scores, sample_weight=mask)
    return matrix.stateless_result(variables)

np.testing.assert_array_equal(count(labels), expected)
assert (np.asarray(count(np.full(40, 3))) < 0).all()
try:
    matrix(np.full(40, 3), scores)
except ValueError as error:
    print(error)
"""


def test_counts_the_same_on_jax():
    pytest.importorskip("jax")
    done = subprocess.run(
        [sys.executable, "-c", ON_JAX],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == (
        "ConfusionMatrix: 40 images have a label outside 0 to 2. Give images without a label "
        "sample_weight 0.\n"
    ), done.stderr
