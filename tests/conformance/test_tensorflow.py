"""Checks of what TensorFlow alone offers: graphs and exported models."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from catalogue import ENTRIES
from test_any_backend import MODELS, as_model


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_eager_equals_graph(entry):
    target = entry.build()
    tensors = keras.tree.map_structure(tf.constant, entry.inputs)
    eager = target(*tensors)
    if isinstance(target, keras.metrics.Metric):
        target.reset_state()
    graph = tf.function(lambda *inputs: target(*inputs))(*tensors)
    np.testing.assert_allclose(graph, eager, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("entry", MODELS, ids=str)
def test_exported_model_gives_the_same_outputs(entry, tmp_path):
    model = as_model(entry)
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    served = exported.serve(*entry.inputs)
    np.testing.assert_allclose(served, model(*entry.inputs), rtol=1e-5, atol=1e-5)
