"""Orthogonalised steps of kernels."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from coarse2fine.data import ArraySource
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, train
from coarse2fine.training.build_model import build_model
from coarse2fine.training.coupled_sgd import CoupledSGD
from coarse2fine.training.muon import Muon
from coarse2fine.training.optimizer import make_optimizer

TAXONOMY = Taxonomy(("a", "b", "c"), ("x", "y"), (0, 0, 1))
TALL, WIDE = (3, 3, 4, 6), (2, 7)


def draw(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def make_kernel(value):
    return keras.Variable(value, name="kernel")


def apply(optimizer, variables, gradients):
    optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)


def iterated_by_hand(matrix):
    """Three iterations on the singular values, which leave the singular vectors as they are."""
    left, sizes, right = np.linalg.svd(matrix.astype(float), full_matrices=False)
    sizes = sizes / np.linalg.norm(sizes)
    for _ in range(3):
        sizes = 3.4445 * sizes - 4.7750 * sizes**3 + 2.0315 * sizes**5
    return left * sizes @ right


def run_by_hand(kernel, gradients, rate, momentum, nesterov):
    shape, norm, velocity = kernel.shape, np.linalg.norm(kernel), 0.0
    for gradient in gradients:
        velocity = momentum * velocity + gradient
        used = gradient + momentum * velocity if nesterov else velocity
        direction = iterated_by_hand(used.reshape(-1, shape[-1])).reshape(shape)
        kernel = kernel - rate * norm * direction / np.linalg.norm(direction)
        kernel = kernel * norm / np.linalg.norm(kernel)
    return kernel


@pytest.mark.parametrize("shape", [TALL, WIDE, (1, 1, 5, 5), (3, 3, 4, 1)])
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
def test_steps_are_those_of_the_formula(shape, momentum, nesterov):
    start, gradients = draw(shape), [draw(shape, seed) for seed in range(1, 5)]
    kernel, optimizer = make_kernel(start), Muon(0.1, momentum=momentum, nesterov=nesterov)
    for gradient in gradients:
        apply(optimizer, [kernel], [gradient])
    expected = run_by_hand(start, gradients, 0.1, momentum, nesterov)
    np.testing.assert_allclose(kernel.numpy(), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [TALL, WIDE])
def test_compiled_by_xla_as_on_a_gpu_it_takes_the_same_steps(shape):
    plain, compiled = (make_kernel(draw(shape)) for _ in range(2))
    optimizers = [Muon(0.1, momentum=0.9, nesterov=True) for _ in range(2)]
    optimizers[1].build([compiled])
    step = tf.function(
        lambda gradient: apply(optimizers[1], [compiled], [gradient]), jit_compile=True
    )
    for seed in range(1, 4):
        apply(optimizers[0], [plain], [draw(shape, seed)])
        step(tf.constant(draw(shape, seed)))
    np.testing.assert_allclose(compiled, plain, rtol=1e-4, atol=1e-5)


def step_of(optimizer, start, gradient):
    kernel = make_kernel(start)
    apply(optimizer, [kernel], [gradient])
    return kernel.numpy() - start


@pytest.mark.parametrize("shape", [TALL, WIDE])
def test_directions_of_small_gradients_count_like_those_of_large_ones(shape):
    rows, columns = np.prod(shape[:-1]), shape[-1]
    left, _, right = np.linalg.svd(draw((rows, columns)), full_matrices=False)
    # A kernel across the gradient, so that bringing it back to its norm takes nothing off the step.
    sizes = np.geomspace(1, 0.1, len(right))
    gradient = (left * sizes @ right).reshape(shape)
    start = (np.roll(left, 1, axis=1) @ right).astype("float32").reshape(shape)
    step = step_of(Muon(1e-2, momentum=0.0), start, gradient).reshape(rows, columns)
    found = np.diag(-left.T @ step @ right.T)
    assert found.min() > 0.5 * found.max()
    plain = np.diag(left.T @ gradient.reshape(rows, columns) @ right.T)
    assert plain.min() < 0.2 * plain.max()


@pytest.mark.parametrize("compute_dtype", ["float32", "bfloat16"])
def test_a_kernel_keeps_its_norm(compute_dtype):
    kernel = make_kernel(draw(TALL))
    optimizer, norm = Muon(0.2, compute_dtype=compute_dtype), np.linalg.norm(kernel.numpy())
    for seed in range(30):
        apply(optimizer, [kernel], [draw(TALL, seed)])
    assert np.linalg.norm(kernel.numpy()) == pytest.approx(norm, rel=1e-5)


def test_iterations_in_bfloat16_are_about_the_same():
    start, gradient = draw(TALL), draw(TALL, 1)
    exact, rounded = (
        step_of(Muon(0.1, compute_dtype=dtype), start, gradient)
        for dtype in ("float32", "bfloat16")
    )
    assert 1e-5 < np.abs(exact - rounded).max() < 0.1 * np.abs(exact).max()


@pytest.mark.parametrize("size", [1e-6, 1e6])
def test_the_size_of_gradients_makes_no_difference(size):
    start, gradient = draw(TALL), draw(TALL, 1)
    steps = [step_of(Muon(0.1), start, factor * gradient) for factor in (1, size)]
    np.testing.assert_allclose(*steps, atol=1e-5)


def test_a_gradient_of_zeros_moves_nothing():
    assert (step_of(Muon(0.1), np.eye(3, dtype="float32"), np.zeros((3, 3))) == 0).all()


def test_all_else_is_left_to_sgd_at_its_own_rate():
    images = keras.Input((4, 4, 2))
    x = layers.Conv2D(3, 3, padding="same", name="orthogonalised")(images)
    x = layers.PReLU(name="slopes")(x)
    x = layers.MultiHeadAttention(2, 3, attention_axes=(1, 2), name="attention")(x, x)
    model = keras.Model(images, layers.Conv2D(2, 1, name="last")(layers.BatchNormalization()(x)))
    variables = model.trainable_variables
    starts = [v.numpy() for v in variables]
    same = [keras.Variable(v.numpy(), name=v.name) for v in variables]
    arguments = {"momentum": 0.9, "decay": 0.1, "decay_on": "kernels", "nesterov": True}
    muon = Muon(0.1, rest_factor=3.0, exclude=("last", "slope"), **arguments)
    sgd = CoupledSGD(0.3, **arguments)
    for seed in range(3):
        gradients = [draw(v.shape, seed) for v in variables]
        apply(muon, variables, gradients)
        apply(sgd, same, gradients)
    expected = {"orthogonalised/kernel"}
    expected |= {f"attention/{name}/kernel" for name in ("query", "key", "value")}
    expected |= {"attention/attention_output/kernel"}
    left = set()
    for start, mine, theirs in zip(starts, variables, same, strict=True):
        if np.allclose(mine.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6):
            left.add(mine.path)
        assert not np.allclose(mine.numpy(), start), mine.path
    assert {v.path for v in variables} - left == expected


def test_a_second_build_changes_nothing():
    kernel, bias = make_kernel(draw((4, 3))), keras.Variable(draw((2, 3)), name="bias")
    optimizer = Muon(0.1)
    optimizer.build([kernel, bias])
    optimizer.build([bias, kernel])
    norm = np.linalg.norm(kernel.numpy())
    apply(optimizer, [kernel, bias], [draw((4, 3), 1), draw((2, 3), 1)])
    assert np.linalg.norm(kernel.numpy()) == pytest.approx(norm, rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"exclude": "head"}, "exclude is 'head', expected a sequence of parts of paths."),
        ({"rest_factor": 0.0}, "rest_factor is 0.0, expected a number above 0."),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Muon(**arguments)


def test_having_no_kernel_is_refused():
    message = (
        "There is no kernel to orthogonalise: no trainable variable of two dimensions and more "
        "that is named a kernel and lies outside of ('kernel',)."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Muon(exclude=("kernel",)).build([make_kernel(draw((4, 3)))])


def test_comes_back_from_its_config():
    optimizer = Muon(
        0.3, momentum=0.8, rest_factor=2.0, exclude=("a", "b"), compute_dtype="float16"
    )
    again = Muon.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    assert (again.rest_factor, again.exclude, again.compute_dtype) == (2.0, ("a", "b"), "float16")


@pytest.mark.parametrize(
    ("backbone", "size", "count"), [("fastnet", 16, 6), ("keras.applications.MobileNet", 32, 27)]
)
def test_a_run_orthogonalises_the_kernels_of_its_backbone_alone(backbone, size, count):
    values = {} if "." in backbone else {"width": 0.1}
    config = Config(
        optimizer="muon",
        backbone=backbone,
        labels="coarse",
        extra_layer=True,
        schedule="cosine",
        precision="mixed_bfloat16",
        **values,
    )
    model = build_model(config, TAXONOMY, (size, size, 3))
    optimizer = make_optimizer(config, 10)
    assert optimizer.compute_dtype == "bfloat16"
    variables = model.trainable_variables
    before = [v.numpy() for v in variables]
    apply(optimizer, variables, [draw(v.shape, seed) for seed, v in enumerate(variables)])
    after = [v.numpy() for v in variables]
    assert not any(np.array_equal(*pair) for pair in zip(before, after, strict=True))
    of_backbone = [v.path for v in model.backbone.trainable_variables if "kernel" in v.name]
    assert len(of_backbone) == count
    kept = [
        variable.path
        for variable, old, new in zip(variables, before, after, strict=True)
        if np.linalg.norm(new) == pytest.approx(np.linalg.norm(old), rel=1e-5)
    ]
    assert kept == of_backbone


def test_a_run_in_float16_whose_loss_is_scaled_keeps_norms_and_moves(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 16, 16, 3)).astype(np.uint8)
    config = Config(
        **{"optimizer": "muon", "backbone": "fastnet", "width": 0.1, "precision": "mixed_float16"},
        **{"steps": 3, "batch_size": 4, "schedule": "cosine", "validation_fraction": 0.0},
        preprocess="standardize",
        learning_rate=0.1,
    )
    run = train(config, tmp_path, source=ArraySource(images, TAXONOMY, np.arange(12) % 3))
    assert isinstance(run.model.optimizer, keras.optimizers.LossScaleOptimizer)
    start = build_model(config, TAXONOMY, (16, 16, 3))
    kernels = [
        [v.numpy() for v in model.backbone.trainable_variables if "kernel" in v.name]
        for model in (run.model, start)
    ]
    assert len(kernels[0]) == 6
    for kernel, other in zip(*kernels, strict=True):
        assert np.isfinite(kernel).all()
        # Of two draws of one initializer the norms are about equal.
        assert np.linalg.norm(kernel) == pytest.approx(np.linalg.norm(other), rel=0.3)
        assert (kernel != other).any()


def test_a_run_of_a_network_with_a_kernel_of_zeros_is_refused(tmp_path):
    images = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, kernel_initializer="zeros", name="late")(images)
    keras.Model(images, x).save(tmp_path / "mine.keras")
    config = Config(
        optimizer="muon",
        backbone=str(tmp_path / "mine.keras"),
        preprocess="own",
        schedule="cosine",
        steps=2,
        batch_size=6,
        validation_fraction=0.0,
    )
    pixels = np.random.default_rng(0).integers(0, 256, size=(24, 8, 8, 3)).astype(np.uint8)
    source = ArraySource(pixels, TAXONOMY, np.tile(np.arange(3), 8))
    message = (
        "The kernel late/kernel is all zeros, and would stay so with the optimizer muon: choose "
        "sgd."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        train(config, tmp_path / "run", source=source)
    assert train(config.replace(optimizer="sgd"), tmp_path / "sgd", source=source).step == 2
