import keras
import numpy as np
import pytest

from coarse2fine.data.whitening import fit_zca, global_contrast_normalize
from coarse2fine.errors import InputError
from coarse2fine.layers import Whitening


def images(n=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 3)).astype("uint8")


def reference(x, mean, matrix, scale=55.0):
    """pylearn2's contrast normalisation, then ZCA, in float64."""
    rows = x.reshape(len(x), -1).astype("float64")
    rows -= rows.mean(axis=1, keepdims=True)
    rows *= scale / np.maximum(np.sqrt((rows**2).sum(axis=1, keepdims=True)), 1e-8)
    return ((rows - mean) @ matrix).reshape(x.shape)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_equals_the_reference(dtype):
    rng = np.random.default_rng(1)
    mean, matrix = rng.normal(size=48), rng.normal(size=(48, 48))
    x = images().astype(dtype)
    whitened = Whitening(mean, matrix)(x)
    np.testing.assert_allclose(whitened, reference(x, mean, matrix), rtol=1e-4, atol=1e-3)


def test_without_statistics_it_normalises_contrast():
    expected = global_contrast_normalize(images())
    np.testing.assert_allclose(Whitening()(images()), expected, rtol=1e-5, atol=1e-5)


def test_images_are_white_under_fitted_statistics():
    x = images(n=4000)
    statistics = fit_zca([x], epsilon=1e-6)
    white = Whitening(statistics.mean, statistics.matrix)(x).numpy().reshape(len(x), -1)
    # Contrast normalisation takes one direction out: the covariance is the identity without it.
    expected = np.eye(48) - np.full((48, 48), 1 / 48)
    np.testing.assert_allclose(np.cov(white.T, bias=True), expected, atol=1e-2)


def test_an_image_of_one_value_stays_finite():
    x = np.full((1, 4, 4, 3), 200, "uint8")
    np.testing.assert_array_equal(Whitening()(x), np.zeros((1, 4, 4, 3)))


def test_statistics_are_weights_that_do_not_train_and_not_in_the_config():
    layer = Whitening(np.zeros(48), np.eye(48), name="whitening")
    layer(images())
    assert layer.trainable_weights == []
    assert [weight.name for weight in layer.non_trainable_weights] == ["mean", "matrix"]
    assert {"mean", "matrix"}.isdisjoint(layer.get_config())
    assert layer.get_config()["scale"] == 55.0


def test_statistics_come_back_with_the_model(tmp_path):
    statistics = fit_zca([images()])
    model = keras.Sequential(
        [keras.Input((4, 4, 3)), Whitening(statistics.mean, statistics.matrix, scale=3.0)]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.layers[0].mean, statistics.mean)
    np.testing.assert_array_equal(loaded.layers[0].matrix, statistics.matrix)
    np.testing.assert_array_equal(loaded(images()), model(images()))


def test_stays_float32_under_a_half_precision_policy():
    keras.config.set_dtype_policy("bfloat16")
    try:
        layer = Whitening(np.zeros(48), np.eye(48))
    finally:
        keras.config.set_dtype_policy("float32")
    assert layer(images().astype("float32")).dtype == "float32"
    assert layer.matrix.dtype == "float32"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 0}, "Whitening: scale must be positive, got 0."),
        (
            {"mean": np.zeros(3)},
            "Whitening: give both mean and matrix (as fit_zca returns them), or neither.",
        ),
        (
            {"mean": np.zeros(3), "matrix": np.eye(4)},
            "Whitening: expected mean of shape (d,) and matrix of shape (d, d), got (3,) and "
            "(4, 4).",
        ),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(InputError) as error:
        Whitening(**arguments)
    assert str(error.value) == message


def test_refuses_images_that_its_statistics_do_not_fit():
    with pytest.raises(InputError) as error:
        Whitening(np.zeros(12), np.eye(12))(images())
    assert str(error.value) == (
        "Whitening: its statistics are for 12 values an image, but images of shape (4, 4, 3) "
        "have 48. Fit them on such images."
    )


def test_refuses_images_of_unknown_size():
    with pytest.raises(InputError) as error:
        Whitening()(keras.Input((None, None, 3)))
    assert str(error.value) == (
        "Whitening: expected images of shape (batch, height, width, channels) with known height, "
        "width and channels, got (None, None, None, 3)."
    )
