import numpy as np
import pytest

from coarse2fine.data import whitening
from coarse2fine.data.whitening import fit_zca, global_contrast_normalize
from coarse2fine.errors import InputError


def images(n=200, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 3, 4, 2)).astype("uint8")


def test_contrast_normalised_images_have_mean_zero_and_norm_scale():
    rows = global_contrast_normalize(images(), scale=7.0).reshape(200, -1).astype("float64")
    np.testing.assert_allclose(rows.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 7.0, rtol=1e-6)


def test_contrast_normalisation_ignores_brightness_and_contrast():
    x = images().astype("float32")
    np.testing.assert_allclose(
        global_contrast_normalize(x), global_contrast_normalize(0.3 * x + 20), atol=1e-4
    )


def test_an_image_of_one_value_becomes_zeros():
    x = np.full((1, 3, 4, 2), 255, "uint8")
    np.testing.assert_array_equal(global_contrast_normalize(x), np.zeros((1, 3, 4, 2)))


def test_contrast_normalisation_leaves_its_input_alone():
    x = images().astype("float32")
    before = x.copy()
    global_contrast_normalize(x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("epsilon", [0.1, 1.0])
def test_equals_pylearn2_on_all_images_at_once(epsilon):
    rows = global_contrast_normalize(images()).reshape(200, -1).astype("float64")
    mean = rows.mean(axis=0)
    centred = rows - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / len(rows) + epsilon * np.eye(24))
    expected = vectors @ np.diag(1 / np.sqrt(values)) @ vectors.T
    statistics = fit_zca([images()], epsilon)
    assert statistics.mean.dtype == statistics.matrix.dtype == np.float32
    np.testing.assert_allclose(statistics.mean, mean, atol=1e-5)
    np.testing.assert_allclose(statistics.matrix, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("cuts", [[1, 2, 3], [50, 100, 150], [7, 130, 199], [0, 0, 200]])
@pytest.mark.parametrize("chunk", [16, 64, 4096])
def test_batches_of_any_size_give_the_same_statistics(monkeypatch, cuts, chunk):
    whole = fit_zca([images()])
    monkeypatch.setattr(whitening, "_CHUNK", chunk)
    parts = fit_zca(iter(np.split(images(), cuts)))
    np.testing.assert_allclose(parts.mean, whole.mean, atol=1e-5)
    np.testing.assert_allclose(parts.matrix, whole.matrix, rtol=1e-4, atol=1e-5)


def test_a_batch_may_be_overwritten_after_it_was_read():
    def reused():
        buffer = np.empty((50, 3, 4, 2), "uint8")
        for start in range(0, 200, 50):
            buffer[:] = images()[start : start + 50]
            yield buffer

    np.testing.assert_allclose(fit_zca(reused()).matrix, fit_zca([images()]).matrix, atol=1e-5)


@pytest.mark.parametrize(
    ("batches", "arguments", "message"),
    [
        ([], {}, "fit_zca: there are no images to fit the whitening to."),
        ([], {"epsilon": 0}, "fit_zca: epsilon must be positive, got 0."),
        ([], {"scale": -1.0}, "fit_zca: scale must be positive, got -1.0."),
        (
            [np.zeros((5, 4))],
            {},
            "fit_zca: expected batches of shape (n, height, width, channels), all images of one "
            "shape, got batch 0 of shape (5, 4).",
        ),
        (
            [np.zeros((5, 4, 4, 3)), np.zeros((5, 4, 4, 1))],
            {},
            "fit_zca: expected batches of shape (n, height, width, channels), all images of one "
            "shape, got batch 1 of shape (5, 4, 4, 1) after images of shape (4, 4, 3).",
        ),
    ],
)
def test_refuses_what_it_cannot_fit(batches, arguments, message):
    with pytest.raises(InputError) as error:
        fit_zca(batches, **arguments)
    assert str(error.value) == message
