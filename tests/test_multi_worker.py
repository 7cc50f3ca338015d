"""What Keras lacks: the day it no longer does, the module can go."""

import sys

import keras

from coarse2fine.local_workers import run_workers
from coarse2fine.multi_worker import MultiWorkerModel

PLAIN = """
import numpy as np, tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
import keras
with strategy.scope():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
data = tf.data.Dataset.from_tensors((np.zeros((4, 2)), np.zeros((4, 1)))).unbatch().batch(4)
try:
    model.fit(data.repeat(), steps_per_epoch=2, verbose=0)
except (ValueError, tf.errors.OpError) as error:
    print("FAILED", type(error).__name__)
else:
    print("TRAINED")
"""


def test_keras_cannot_train_a_plain_model_in_two_workers_yet(tmp_path):
    script = tmp_path / "plain.py"
    script.write_text(PLAIN, encoding="utf-8")
    lines = []
    run_workers([sys.executable, str(script)], 2, lambda index, line: lines.append(line))
    assert not any(line == "TRAINED" for line in lines), (
        f"Keras {keras.__version__} trains in several workers by itself: delete multi_worker.py."
    )
    assert any(line.startswith("FAILED") for line in lines), "\n".join(lines)


def test_what_is_overridden_is_there():
    # A private method of Keras's: where it is renamed, this override has no effect.
    assert callable(getattr(keras.Model, "_maybe_symbolic_build", None)), keras.__version__
    assert MultiWorkerModel._maybe_symbolic_build is not keras.Model._maybe_symbolic_build
