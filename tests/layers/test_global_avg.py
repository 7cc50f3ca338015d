import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.errors import InputError
from coarse2fine.layers import GlobalAvg


def test_score_is_the_mean_over_locations():
    maps = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")
    expected = maps.astype("float64").sum(axis=(1, 2)) / 15
    np.testing.assert_allclose(GlobalAvg()(maps), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_score_and_sum_are_float32_whatever_the_maps(dtype):
    # In bfloat16 a sum of ones stops at 256, and in float16 at 2048.
    scores = GlobalAvg(dtype="mixed_bfloat16")(tf.ones((1, 64, 64, 1), dtype))
    assert scores.dtype == "float32"
    np.testing.assert_array_equal(scores, [[1.0]])


def test_refuses_what_are_no_class_maps():
    with pytest.raises(InputError) as error:
        GlobalAvg()(tf.ones((2, 3)))
    assert str(error.value) == (
        "GlobalAvg: expected class maps of shape (batch, height, width, num_classes), got (2, 3)."
    )
