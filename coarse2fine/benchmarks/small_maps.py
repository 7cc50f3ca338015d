"""Convolutions of small maps with a gradient of their own against the same with Keras's."""

from collections.abc import Sequence

import keras

from coarse2fine import backbones
from coarse2fine.benchmarks.measurement import Measurement, Settings, of_pairs
from coarse2fine.benchmarks.step import IMAGE_SHAPE, Case, fit_ours
from coarse2fine.benchmarks.timing import time_pairs
from coarse2fine.layers import Conv2D
from coarse2fine.training.strategy import precision

CASES = (
    Case("fastnet", "mixed", width=1.0, batch_size=128, steps=8),
    Case("fastnet", "mixed", width=1.5, batch_size=128, steps=6),
    Case("preact_resnet", "fine", width=1.0, batch_size=128, steps=2),
)

_POLICY = "mixed_bfloat16"


def measure(settings: Settings, cases: Sequence[Case] = CASES) -> list[Measurement]:
    """Images a second through `fit`, with our `Conv2D` over Keras's, in bfloat16.

    Args:
        settings: of all benchmarks.
        cases: the networks.
    """
    return [_compare(settings, case) for case in cases]


def _compare(settings: Settings, case: Case) -> Measurement:
    with precision(_POLICY):
        network = backbones.create(case.backbone, input_shape=IMAGE_SHAPE, width=case.width)
        keras_own = keras.models.clone_model(network, clone_function=_as_keras_own)
    size = case.batch_size, case.width, case.steps
    first, second = (
        fit_ours(_POLICY, *size, case.backbone, case.labels, each) for each in (network, keras_own)
    )
    times = time_pairs(first, second, settings.pairs)
    return of_pairs(
        f"small_maps/{case.backbone}/{case.width:g}",
        1 / times.ratios,
        bound=1.0,
        note=(
            f"images/s of fit, {case.backbone} of width {case.width:g} in {_POLICY}, over the same "
            f"with Keras's Conv2D, batch {case.batch_size} of random images"
        ),
        is_upper_bound=False,
    )


def _as_keras_own(layer: keras.layers.Layer) -> keras.layers.Layer:
    kind = keras.layers.Conv2D if isinstance(layer, Conv2D) else type(layer)
    return kind.from_config(layer.get_config())
