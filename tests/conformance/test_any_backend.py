"""Checks that hold on every Keras backend; `test_jax.py` runs this file again on JAX."""

import doctest
import importlib

import keras
import numpy as np
import pytest
from catalogue import ENTRIES, LAYERS, NETWORKS, NOT_CHECKED, PUBLIC_MODULES

from coarse2fine import layers
from coarse2fine.layers import conv2d

MODELS = [*LAYERS, *NETWORKS]


def as_model(entry):
    """A model around the entry, built on its input's shape, the batch left open."""
    (x,) = entry.inputs
    images = keras.Input(x.shape[1:], dtype=str(x.dtype))
    return keras.Model(images, entry.build()(images))


def call(target, entry):
    return keras.ops.convert_to_numpy(keras.ops.cast(target(*entry.inputs), "float32"))


@pytest.fixture
def mixed_bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_everything_public_is_in_the_catalogue(module):
    public = {f"{module}.{name}" for name in importlib.import_module(module).__all__}
    described = {entry.public for entry in ENTRIES} | set(NOT_CHECKED)
    assert public - described == set()


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_everything_defined_in_a_module_is_exported(module):
    package = importlib.import_module(module)
    defined = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith(module)
    }
    assert defined <= set(package.__all__)


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_config_makes_the_same_object(entry):
    target = entry.build()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(target))
    assert type(again) is type(target)
    assert again.get_config() == target.get_config()


@pytest.mark.parametrize("entry", MODELS, ids=str)
def test_saved_model_file_gives_the_same_outputs_and_config(entry, tmp_path):
    model = as_model(entry)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.to_json() == model.to_json()
    np.testing.assert_array_equal(call(loaded, entry), call(model, entry))


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_mixed_precision_is_finite_and_of_the_stated_dtype(entry, mixed_bfloat16):
    target = entry.build()
    assert keras.backend.standardize_dtype(target(*entry.inputs).dtype) == entry.dtype
    assert np.isfinite(call(target, entry)).all()


@pytest.mark.parametrize("entry", MODELS, ids=str)
def test_symbolic_shape_equals_real_shape(entry):
    target = entry.build()
    real = call(target, entry).shape
    assert as_model(entry).output_shape == (None, *real[1:])
    assert tuple(target.compute_output_shape(*(x.shape for x in entry.inputs))) == real


def test_min_pool_gradient_goes_to_the_lowest_children():
    # With the input 1 the maps are the kernel, so one step of rate 1 takes the gradient off it.
    kernel = np.array([[3.0, 1.0, 5.0, 1.0, 2.0, 4.0]], "float32")
    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(6, use_bias=False, kernel_initializer=lambda *_, **__: kernel),
            layers.MinPoolCoarse([0, 1, 0, 1, 1, 2]),
        ]
    )
    model.compile(
        keras.optimizers.SGD(1.0),
        loss=lambda target, coarse: keras.ops.sum(target * coarse, axis=-1),
    )
    model.train_on_batch(np.ones((1, 1)), np.array([[1.0, 2.0, 3.0]]))
    gradient = kernel - keras.ops.convert_to_numpy(model.layers[0].kernel)
    np.testing.assert_allclose(gradient, [[1.0, 1.0, 0.0, 1.0, 0.0, 3.0]], rtol=1e-6)


def test_a_convolution_learns_what_that_of_keras_does(mixed_bfloat16, monkeypatch):
    # Maps that are small enough for a gradient of its own.
    made = []
    monkeypatch.setattr(
        conv2d,
        "_kernel_gradient",
        lambda *args, real=conv2d._kernel_gradient: made.append(real(*args)) or made[-1],
    )
    images = np.random.default_rng(0).normal(size=(3, 2, 2, 32)).astype("float32")
    kernels = []
    for kind in (layers.Conv2D, keras.layers.Conv2D):
        start = keras.initializers.HeNormal(seed=0)
        layer = kind(32, 3, padding="same", kernel_initializer=start)
        model = keras.Sequential([keras.Input(images.shape[1:]), layer])
        model.compile(keras.optimizers.SGD(1.0), "mse")
        before = keras.ops.convert_to_numpy(layer.kernel)
        model.train_on_batch(images, images)
        kernels.append(keras.ops.convert_to_numpy(layer.kernel) - before)
    ours, keras_own = kernels
    assert len(made) == 1
    np.testing.assert_allclose(ours, keras_own, atol=0.01 * np.abs(keras_own).max())


@pytest.mark.parametrize("name", sorted({entry.module.__name__ for entry in LAYERS}))
def test_layer_is_written_in_keras_ops(name):
    source = importlib.import_module(name).__loader__.get_source(name)
    assert "import tensorflow" not in source
    assert "import jax" not in source


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="examples show TensorShape")
@pytest.mark.parametrize("name", sorted({entry.module.__name__ for entry in ENTRIES}))
def test_examples_in_the_docstrings_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
