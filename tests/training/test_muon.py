"""Orthogonal steps of kernels."""

import keras
import numpy as np
import pytest

from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config
from coarse2fine.training.build_model import build_model
from coarse2fine.training.coupled_sgd import CoupledSGD
from coarse2fine.training.muon import Muon
from coarse2fine.training.optimizer import make_optimizer

KERNELS = [(3, 3, 4, 6), (1, 1, 4, 6), (20, 5), (3, 3, 2, 1)]
BFLOAT16 = {"compute_dtype": "bfloat16"}


def draw(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def apply(optimizer, variables, gradients):
    optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)


def step_of(optimizer, start, gradient):
    """What one update adds to a kernel."""
    kernel = keras.Variable(start)
    apply(optimizer, [kernel], [gradient])
    return kernel.numpy() - start


def orthogonal(matrix):
    """The nearest matrix with orthonormal columns or rows."""
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    return left @ right


@pytest.mark.parametrize("shape", KERNELS)
@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_is_orthogonalised_and_scaled_to_a_share_of_the_norm(shape, nesterov):
    # Gradients that are multiples of an orthogonal matrix, which the iterations leave one.
    gradient = orthogonal(draw(shape).reshape(-1, shape[-1])).reshape(shape)
    start, momentum, velocity = draw(shape, 1), 0.5, 0.0
    kernel, optimizer = keras.Variable(start), Muon(0.1, momentum=momentum, nesterov=nesterov)
    expected = start
    for size in (3.0, -2.0, 0.5):
        apply(optimizer, [kernel], [size * gradient])
        velocity = momentum * velocity + size
        sign = np.sign(size + momentum * velocity if nesterov else velocity)
        norm = np.linalg.norm(expected)
        expected = expected - 0.1 * norm * sign * gradient / np.linalg.norm(gradient)
        expected = expected * norm / np.linalg.norm(expected)
        np.testing.assert_allclose(kernel.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("shape", KERNELS)
def test_steps_have_singular_values_of_about_one_size(shape):
    gradient, start = draw(shape), draw(shape, 1)
    # With no projection back: the part of the step that is along the kernel taken out of both.
    step = step_of(Muon(1e-3, momentum=0.0), start, gradient)
    along = start / np.linalg.norm(start)
    target = -orthogonal(gradient.reshape(-1, shape[-1])).reshape(shape)
    target = target - (target * along).sum() * along
    cosine = (step * target).sum() / np.linalg.norm(step) / np.linalg.norm(target)
    assert cosine > 0.97
    raw = -gradient - (-gradient * along).sum() * along
    plain = (raw * target).sum() / np.linalg.norm(raw) / np.linalg.norm(target)
    assert cosine >= plain - 1e-6


@pytest.mark.parametrize("arguments", [{}, BFLOAT16])
def test_a_kernel_keeps_its_norm(arguments):
    kernel, optimizer = keras.Variable(draw((3, 3, 8, 8))), Muon(0.2, nesterov=True, **arguments)
    norm = np.linalg.norm(kernel.numpy())
    for seed in range(30):
        apply(optimizer, [kernel], [draw(kernel.shape, seed)])
    assert np.linalg.norm(kernel.numpy()) == pytest.approx(norm, rel=1e-5)


@pytest.mark.parametrize("arguments", [{}, BFLOAT16])
@pytest.mark.parametrize("size", [1e-6, 1e6])
def test_the_size_of_gradients_makes_no_difference(size, arguments):
    start, gradient = draw((3, 3, 4, 6)), draw((3, 3, 4, 6), 1)
    steps = [step_of(Muon(0.1, **arguments), start, factor * gradient) for factor in (1, size)]
    np.testing.assert_allclose(*steps, atol=1e-2 if arguments else 1e-5)


def test_a_gradient_of_zeros_moves_nothing():
    assert (step_of(Muon(0.1), np.eye(3, dtype="float32"), np.zeros((3, 3))) == 0).all()


def test_all_else_is_left_to_sgd_at_its_own_rate():
    kernel, bias = keras.Variable(draw((4, 3)), name="last"), keras.Variable(draw(3), name="bias")
    same = [keras.Variable(v.numpy()) for v in (kernel, bias)]
    arguments = {"momentum": 0.9, "decay": 0.1, "decay_on": "kernels", "nesterov": True}
    muon, sgd = Muon(0.1, rest=3.0, exclude=("last",), **arguments), CoupledSGD(0.3, **arguments)
    for seed in range(3):
        gradients = [draw((4, 3), seed), draw(3, seed)]
        apply(muon, [kernel, bias], gradients)
        apply(sgd, same, gradients)
    for mine, theirs in zip((kernel, bias), same, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-6)


def test_comes_back_from_its_config():
    optimizer = Muon(0.3, momentum=0.8, rest=2.0, exclude=("a", "b"), decay=0.1, **BFLOAT16)
    again = Muon.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    assert (again.rest, again.exclude, again.compute_dtype) == (2.0, ("a", "b"), "bfloat16")


def test_a_run_orthogonalises_the_kernels_of_its_backbone_alone():
    taxonomy = Taxonomy(("a", "b", "c"), ("x", "y"), (0, 0, 1))
    config = Config(
        optimizer="muon",
        backbone="fastnet",
        width=0.1,
        labels="coarse",
        extra_layer=True,
        schedule="cosine",
        precision="mixed_bfloat16",
        learning_rate=0.05,
    )
    model = build_model(config, taxonomy, (16, 16, 3))
    optimizer = make_optimizer(config, 10)
    assert optimizer.compute_dtype == "bfloat16"
    before = [np.linalg.norm(v.numpy()) for v in model.trainable_variables]
    optimizer.apply(
        [keras.ops.ones(v.shape) for v in model.trainable_variables], model.trainable_variables
    )
    after = [np.linalg.norm(v.numpy()) for v in model.trainable_variables]
    kept = [
        v.path
        for v, old, new in zip(model.trainable_variables, before, after, strict=True)
        if new == pytest.approx(old, rel=1e-5)
    ]
    kernels = [v.path for v in model.backbone.trainable_variables if v.name == "kernel"]
    assert len(kernels) == 6
    assert kept == kernels
