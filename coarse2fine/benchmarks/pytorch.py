"""A training step of NIN with two heads against the same in PyTorch."""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys

import numpy as np

from coarse2fine.backbones.nin import nin
from coarse2fine.benchmarks import pytorch_step
from coarse2fine.benchmarks.measurement import Measurement, Settings, of_pairs
from coarse2fine.benchmarks.step import fit_ours
from coarse2fine.benchmarks.timing import time_pairs
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import cifar100

# With stock layers of Keras they were 1.33 and 1.24.
_BOUNDS = {"float32": 1.4, "mixed_bfloat16": 1.3}

_LAYERS = ("Conv2D", "Dropout", "MaxPooling2D", "AveragePooling2D")


def measure(
    settings: Settings, width: float = 1.0, batch_size: int = 128, steps: int = 4
) -> list[Measurement]:
    """Images a second through `fit` over those through PyTorch's layers, in two precisions.

    PyTorch is no requirement of the package.

    Args:
        settings: of all benchmarks.
        width: of the network.
        batch_size: images a step.
        steps: steps a timing.

    Raises:
        InputError: PyTorch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise InputError(
            "The benchmark pytorch needs PyTorch, which is not installed. Install it with pip "
            "install torch, or choose other benchmarks."
        )
    return [_compare(settings, policy, width, batch_size, steps) for policy in _BOUNDS]


def _compare(
    settings: Settings, policy: str, width: float, batch_size: int, steps: int
) -> Measurement:
    ours = fit_ours(policy, batch_size, width, steps)
    with subprocess.Popen(
        [sys.executable, "-m", pytorch_step.__name__, _spec(policy, width, batch_size, steps)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Its threads sleep while ours work; else they would wait in a loop.
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},
    ) as process:
        inputs, outputs = process.stdin, process.stdout
        assert inputs is not None, "a pipe"
        assert outputs is not None, "a pipe"
        version = outputs.readline().strip()

        def theirs() -> None:
            inputs.write("\n")
            inputs.flush()
            if not outputs.readline():
                raise RuntimeError("PyTorch's process has ended.")

        times = time_pairs(ours, theirs, settings.pairs)
        inputs.close()
    rates = [batch_size * steps / np.median(part) for part in (times.first, times.second)]
    return of_pairs(
        f"pytorch/nin/{policy}",
        1 / times.ratios,
        bound=_BOUNDS[policy],
        note=(
            f"images/s of fit, nin of width {width:g} with two heads, over PyTorch {version} in "
            f"channels-last, batch {batch_size} of random images ({rates[0]:.0f} and "
            f"{rates[1]:.0f} images/s)"
        ),
        is_upper_bound=False,
    )


def _spec(policy: str, width: float, batch_size: int, steps: int) -> str:
    taxonomy = cifar100()
    parent = np.asarray(taxonomy.parent)
    children = np.argsort(parent, kind="stable").reshape(taxonomy.num_coarse, -1)
    layers = [(type(layer).__name__, layer.get_config()) for layer in nin(width=width).layers]
    arguments = ("kernel_size", "filters", "rate")
    spec = pytorch_step.Spec(
        [
            [kind, {key: config[key] for key in arguments if key in config}]
            for kind, config in layers
            if kind in _LAYERS
        ],
        children.tolist(),
        policy,
        batch_size,
        steps,
    )
    return json.dumps(dataclasses.asdict(spec))
