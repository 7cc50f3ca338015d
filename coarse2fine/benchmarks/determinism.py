"""What deterministic operations cost."""

import time

import numpy as np

from coarse2fine.benchmarks.measurement import Measurement, Settings, of_pairs
from coarse2fine.process import call_in_process
from coarse2fine.taxonomy import cifar100
from coarse2fine.training import Config
from coarse2fine.training.strategy import use_deterministic_operations
from coarse2fine.training.trial import Network, make_trial


def measure(
    settings: Settings, width: float = 1.0, batch_size: int = 128, repeats: int = 6, most: int = 7
) -> list[Measurement]:
    """Seconds of training steps with deterministic operations, over those without.

    Args:
        settings: of all benchmarks.
        width: of the network.
        batch_size: images a step.
        repeats: timings of two steps in a process, of which the median counts.
        most: how many pairs at most, since determinism cannot be taken back in a process.
    """
    ratios = []
    for pair in range(min(settings.pairs, most)):
        order = (True, False) if pair % 2 == 0 else (False, True)
        seconds = {
            is_deterministic: call_in_process(
                __name__,
                "step_seconds",
                is_deterministic=is_deterministic,
                width=width,
                batch_size=batch_size,
                repeats=repeats,
            )
            for is_deterministic in order
        }
        ratios.append(seconds[True] / seconds[False])
    return [
        of_pairs(
            "determinism/nin",
            ratios,
            bound=1.05,
            note=(
                f"seconds of a step with deterministic operations over one without, NIN of width "
                f"{width:g}, batch {batch_size}, float32"
            ),
        )
    ]


def step_seconds(is_deterministic: bool, width: float, batch_size: int, repeats: int) -> float:
    """The median time of some steps and their batches, after others that are not timed."""
    use_deterministic_operations(is_deterministic)
    steps = make_trial(Network(Config(width=width), cifar100(), (32, 32, 3)))
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        steps(batch_size)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds[1:]))
