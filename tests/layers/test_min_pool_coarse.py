import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.errors import InputError
from coarse2fine.layers import MinPoolCoarse
from coarse2fine.layers.siblings import lay_out

TAXONOMIES = {
    "one family": [0, 0, 0],
    "only children": [2, 0, 1],
    "contiguous": [0, 0, 1, 1, 2, 2],
    "contiguous, coarse order reversed": [2, 2, 1, 1, 0, 0],
    "scattered, equal sizes": [0, 1, 2, 0, 1, 2],
    "unequal": [0, 1, 2, 1, 0, 0, 0, 0, 0],
    "padded": [1] * 6 + [0] * 5 + [2] * 5 + [3] * 2,
}


def random_taxonomy(seed, num_fine=60, num_coarse=13):
    rng = np.random.default_rng(seed)
    weights = rng.pareto(1.0, num_coarse) + 0.1
    parent = np.r_[
        np.arange(num_coarse),
        rng.choice(num_coarse, num_fine - num_coarse, p=weights / weights.sum()),
    ]
    return rng.permutation(parent)


def cases():
    named = [pytest.param(np.array(parent), id=name) for name, parent in TAXONOMIES.items()]
    return named + [pytest.param(random_taxonomy(seed), id=f"seed {seed}") for seed in range(8)]


def siblings_min(maps, parent):
    """One reduce_min per family: the definition."""
    families = [np.flatnonzero(parent == c) for c in range(parent.max() + 1)]
    return tf.stack([tf.reduce_min(tf.gather(maps, f, axis=-1), -1) for f in families], axis=-1)


def value_and_gradient(function, maps, upstream):
    with tf.GradientTape() as tape:
        tape.watch(maps)
        value = function(maps)
    return value, tape.gradient(value, maps, output_gradients=upstream)


@pytest.mark.parametrize("parent", cases())
@pytest.mark.parametrize("levels", [None, 3], ids=["distinct", "many ties"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_value_and_gradient_equal_one_reduce_min_per_family(parent, levels, dtype):
    rng = np.random.default_rng(len(parent))
    shape = (2, 3, 2, len(parent))
    maps = rng.normal(size=shape) if levels is None else rng.integers(0, levels, shape)
    maps = tf.cast(maps, dtype)
    upstream = tf.cast(rng.normal(size=(*shape[:-1], parent.max() + 1)), dtype)
    expected, expected_gradient = value_and_gradient(
        lambda x: siblings_min(x, parent), maps, upstream
    )
    value, gradient = value_and_gradient(MinPoolCoarse(parent, dtype=dtype), maps, upstream)
    np.testing.assert_array_equal(value, expected)
    assert gradient.dtype == maps.dtype
    rtol = {"float32": 1e-6, "float64": 1e-14, "bfloat16": 2e-2}[dtype]
    np.testing.assert_allclose(
        tf.cast(gradient, "float64"), tf.cast(expected_gradient, "float64"), rtol=rtol
    )


def test_tied_children_share_the_gradient_equally():
    maps = tf.constant([[1.0, 1.0, 2.0, 1.0, 5.0, 5.0]])
    upstream = tf.constant([[6.0, 4.0]])
    layer = MinPoolCoarse([0, 0, 0, 0, 1, 1])
    _, gradient = value_and_gradient(layer, maps, upstream)
    np.testing.assert_array_equal(gradient, [[2.0, 2.0, 0.0, 2.0, 2.0, 2.0]])


@pytest.mark.parametrize("seed", range(4))
def test_permuting_fine_classes_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    parent = random_taxonomy(seed)
    maps = rng.normal(size=(2, 2, 2, len(parent))).astype("float32")
    order = rng.permutation(len(parent))
    np.testing.assert_array_equal(
        MinPoolCoarse(parent)(maps), MinPoolCoarse(parent[order])(maps[..., order])
    )


@pytest.mark.parametrize("seed", range(4))
def test_renumbering_coarse_classes_renumbers_the_maps(seed):
    rng = np.random.default_rng(seed)
    parent = random_taxonomy(seed)
    maps = rng.normal(size=(2, 2, 2, len(parent))).astype("float32")
    number = rng.permutation(parent.max() + 1)
    renumbered = MinPoolCoarse(number[parent])(maps).numpy()
    np.testing.assert_array_equal(MinPoolCoarse(parent)(maps), renumbered[..., number])


def test_gradient_uses_no_operation_that_adds_in_no_fixed_order():
    layer = MinPoolCoarse(random_taxonomy(0))

    @tf.function
    def gradient(maps):
        return value_and_gradient(layer, maps, None)[1]

    graph = gradient.get_concrete_function(tf.TensorSpec((None, 2, 2, 60))).graph
    kinds = {operation.type for operation in graph.get_operations()}
    assert "GatherV2" in kinds
    assert not [kind for kind in kinds if "Scatter" in kind or "Segment" in kind]


def test_second_gradient_is_that_of_a_minimum():
    maps = tf.constant([[3.0, 1.0, 2.0, 4.0]])
    layer = MinPoolCoarse([0, 1, 0, 1])
    with tf.GradientTape() as outer:
        outer.watch(maps)
        with tf.GradientTape() as inner:
            inner.watch(maps)
            loss = tf.reduce_sum(layer(maps) ** 2)
        first = inner.gradient(loss, maps)
    np.testing.assert_array_equal(first, [[0.0, 2.0, 4.0, 0.0]])
    np.testing.assert_array_equal(outer.gradient(first, maps), [[0.0, 2.0, 2.0, 0.0]])


@pytest.mark.parametrize("sizes", [[10] * 1000, range(1, 200), [300] + [1] * 5000, [1, 2, 4, 8]])
def test_work_is_linear_in_the_number_of_fine_classes(sizes):
    sizes = np.array(sizes)
    layout = lay_out(np.repeat(np.arange(len(sizes)), sizes))
    slots = sum(group.classes * group.slots for group in layout.groups)
    assert slots <= 1.25 * sizes.sum()
    assert len(layout.groups) <= 2 + np.log(sizes.max()) / np.log(1.25)


def test_nothing_is_moved_where_families_are_contiguous_and_equal():
    layout = lay_out(np.repeat(np.arange(4), 3))
    assert layout.fine_of_slot is layout.slot_of_fine is None
    assert layout.coarse_of_row is layout.row_of_coarse is None


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        (
            [],
            "MinPoolCoarse: parent must be a sequence of whole numbers, one per fine class, got "
            "an array of shape (0,) and type float64.",
        ),
        (
            [0.0, 1.0],
            "MinPoolCoarse: parent must be a sequence of whole numbers, one per fine class, got "
            "an array of shape (2,) and type float64.",
        ),
        (
            [[0, 1]],
            "MinPoolCoarse: parent must be a sequence of whole numbers, one per fine class, got "
            "an array of shape (1, 2) and type int64.",
        ),
        ([0, -1], "MinPoolCoarse: parent[1] is -1; coarse classes count from 0."),
        (
            [0, 2, 3],
            "MinPoolCoarse: coarse class 1 has no child. Number the coarse classes 0, 1, .. "
            "without gaps (the largest here is 3).",
        ),
    ],
)
def test_refuses_what_is_no_taxonomy(parent, message):
    with pytest.raises(InputError) as error:
        MinPoolCoarse(parent)
    assert str(error.value) == message


def test_refuses_another_number_of_maps():
    with pytest.raises(InputError) as error:
        MinPoolCoarse([0, 0, 1])(tf.ones((2, 4, 4, 5)))
    assert str(error.value) == (
        "MinPoolCoarse: expected class maps of shape (batch, .., 3), one per entry of parent, "
        "got (2, 4, 4, 5)."
    )
