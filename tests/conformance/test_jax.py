"""The numeric core runs on Keras's JAX backend."""

import os
import pathlib
import subprocess
import sys

import pytest
from catalogue import NETWORKS


def test_layers_conform_on_jax():
    # Without the base networks: they are layers after layers, and compile for long.
    pytest.importorskip("jax")
    here = pathlib.Path(__file__).parent
    result = subprocess.run(
        [
            *[sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider"],
            *[here / "test_any_backend.py", "-k", f"not ({' or '.join(map(str, NETWORKS))})"],
        ],
        cwd=here.parents[1],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert " passed" in result.stdout
