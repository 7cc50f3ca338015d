"""A convolution with a gradient of its own: the same numbers as Keras's, where maps are small."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.backbones import create
from coarse2fine.layers import Conv2D, conv2d
from coarse2fine.training.strategy import make_strategy

ARGUMENTS = {"filters": 6, "kernel_size": 3, "padding": "same"}


@pytest.fixture
def quick_gradients(monkeypatch):
    """The shapes of kernels whose gradients are made here; with few channels and in float32 too."""
    shapes = []
    real = conv2d._kernel_gradient
    monkeypatch.setattr(conv2d, "_CHANNELS_A_PIXEL", 0.4)
    monkeypatch.setattr(conv2d, "_DTYPES", ("bfloat16", "float32"))

    def counted(inputs, upstream):
        made = real(inputs, upstream)
        shapes.append(tuple(made.shape))
        return made

    monkeypatch.setattr(conv2d, "_kernel_gradient", counted)
    return shapes


def outputs_and_gradients(layer, images):
    """Outputs, and gradients of a weighted sum of them: of the images and of all weights."""
    images = tf.convert_to_tensor(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = layer(images)
        weights = np.random.default_rng(1).normal(size=outputs.shape)
        total = tf.reduce_sum(tf.cast(outputs, "float32") * weights.astype("float32"))
    return [outputs, *tape.gradient(total, [images, *layer.trainable_variables])]


def of_both_layers(images, **arguments):
    """What the layer gives, and what Keras's own gives with its weights."""
    ours, keras_own = (kind(**{**ARGUMENTS, **arguments}) for kind in (Conv2D, keras.layers.Conv2D))
    for layer in (ours, keras_own):
        layer.build(images.shape)
    keras_own.set_weights(ours.get_weights())
    return [outputs_and_gradients(layer, images) for layer in (ours, keras_own)]


def random_images(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("arguments", [{}, {"activation": "relu"}, {"use_bias": False}])
@pytest.mark.parametrize("size", [(8, 8), (9, 3), (1, 1)])
def test_equals_keras_where_maps_are_small(size, arguments, quick_gradients):
    found, expected = of_both_layers(random_images(3, *size, 5), **arguments)
    assert quick_gradients == [(3, 3, 5, 6)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("images", "arguments"),
    [
        (random_images(2, 4, 9, 6), {}),
        (random_images(2, 4, 8, 3), {}),
        (random_images(2, 4, 8, 6), {"filters": 3}),
        (random_images(2, 4, 4, 6), {"strides": 2}),
        (random_images(2, 4, 4, 6), {"padding": "valid"}),
        (random_images(2, 4, 4, 6), {"dilation_rate": 2}),
        (random_images(2, 4, 4, 6), {"kernel_size": 5}),
        (random_images(2, 4, 4, 6), {"groups": 3}),
        (random_images(2, 4, 4, 6), {"dtype": "float16"}),
    ],
)
def test_all_else_is_left_to_keras(images, arguments, quick_gradients):
    found, expected = of_both_layers(images, **arguments)
    assert not quick_gradients
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_maps_of_unknown_size_are_left_to_keras(quick_gradients):
    layer = Conv2D(**ARGUMENTS)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 6))])
    def kernel_gradient(images):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(layer(images))
        return tape.gradient(total, layer.kernel.value)

    assert kernel_gradient(random_images(2, 4, 4, 6)).shape == (3, 3, 6, 6)
    assert not quick_gradients


def test_a_gpu_is_left_to_keras(monkeypatch, quick_gradients):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0"])
    outputs_and_gradients(Conv2D(**ARGUMENTS), random_images(2, 4, 4, 6))
    assert not quick_gradients


@pytest.mark.parametrize(
    ("dtype", "channels", "is_quick"),
    [("mixed_bfloat16", 64, True), ("mixed_bfloat16", 63, False), ("float32", 64, False)],
)
def test_is_quick_in_bfloat16_with_enough_channels(dtype, channels, is_quick, monkeypatch):
    calls = []
    real = conv2d._kernel_gradient
    monkeypatch.setattr(conv2d, "_kernel_gradient", lambda *args: calls.append(1) or real(*args))
    layer = Conv2D(64, 3, padding="same", dtype=dtype)
    outputs_and_gradients(layer, random_images(2, 4, 4, channels))
    assert bool(calls) == is_quick


def test_bfloat16_differs_by_rounding(quick_gradients):
    found, expected = of_both_layers(random_images(3, 6, 8, 5), dtype="mixed_bfloat16")
    assert quick_gradients == [(3, 3, 5, 6)]
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        one, other = (tf.cast(each, "float32").numpy() for each in (one, other))
        np.testing.assert_allclose(one, other, rtol=0.02, atol=0.02 * np.abs(other).max())


def test_trains_on_any_batch(quick_gradients):
    layer = Conv2D(3, 3, padding="same", kernel_initializer="zeros", use_bias=False)
    model = keras.Sequential([keras.Input((4, 4, 3)), layer])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    images = np.ones((7, 4, 4, 3), "float32")
    model.fit(images, images, batch_size=4, verbose=0)  # Of 4, then of 3.
    assert quick_gradients
    assert (layer.kernel.numpy() > 0).all()


def test_xla_gives_the_same(quick_gradients):
    layer, images = Conv2D(**ARGUMENTS), random_images(3, 4, 4, 5)
    expected = outputs_and_gradients(layer, images)
    compiled = tf.function(lambda given: outputs_and_gradients(layer, given), jit_compile=True)
    found = compiled(tf.constant(images))
    assert quick_gradients == [(3, 3, 5, 6)] * 2
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_replicas_train_as_one_device_does(quick_gradients):
    images = random_images(4, 4, 4, 6)

    def trained(strategy):
        with strategy.scope():
            layer = Conv2D(**ARGUMENTS, kernel_initializer=keras.initializers.HeNormal(seed=0))
            model = keras.Sequential([keras.Input((4, 4, 6)), layer])
            model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
        model.fit(images, images[::-1], batch_size=4, epochs=3, shuffle=False, verbose=0)
        return layer.kernel.numpy()

    one = trained(make_strategy("single"))
    replicas = make_strategy("mirrored")
    assert replicas.num_replicas_in_sync > 1
    two = trained(replicas)
    assert quick_gradients
    np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backbone", ["fastnet", "preact_resnet"])
def test_files_of_weights_fit_networks_of_keras_own_layers(backbone, tmp_path):
    def as_keras_own(layer):
        kind = keras.layers.Conv2D if isinstance(layer, Conv2D) else type(layer)
        return kind.from_config(layer.get_config())

    ours = create(backbone, input_shape=(16, 16, 3), width=0.05)
    keras_own = keras.models.clone_model(ours, clone_function=as_keras_own)
    images = random_images(2, 16, 16, 3)
    for source, target in ((ours, keras_own), (keras_own, ours)):
        source.set_weights([weight + 0.1 for weight in source.get_weights()])
        source.save_weights(tmp_path / "network.weights.h5")
        target.load_weights(tmp_path / "network.weights.h5")
        np.testing.assert_array_equal(source(images), target(images))
