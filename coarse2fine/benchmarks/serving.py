"""How long an exported model takes to answer for one image."""

import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from coarse2fine.benchmarks.measurement import Measurement, Settings, of_pairs
from coarse2fine.benchmarks.timing import time_pairs
from coarse2fine.evaluation.backing_off import LEVELS, BackingOff
from coarse2fine.export import export
from coarse2fine.training import Config, train


def measure(
    settings: Settings, backbone: str = "nin", width: float = 1.0, answers: int = 50
) -> list[Measurement]:
    """Latency of an export over that of its network, and of backing off over that of naming alone.

    Args:
        settings: of all benchmarks.
        backbone: of the run.
        width: of the network.
        answers: in a timing.
    """
    config = Config(
        backbone=backbone,
        width=width,
        steps=1,
        batch_size=8,
        schedule="cosine",
        validation_fraction=0.0,
        preprocess="standardize",
    )
    source = settings.images.load()
    run = train(config, settings.workdir / "serving", source=source)
    # What it holds changes no time.
    thresholds = np.linspace(0.1, 0.9, 32)
    backing_off = BackingOff(dict.fromkeys(LEVELS, 1.0), thresholds, thresholds[::-1])
    backing_off.save(run.workdir.calibration_file, views=1, step=run.step)
    output = settings.workdir / "model"
    export(run, output)
    model = tf.saved_model.load(str(output))
    image = next(iter(source.chunks(np.arange(1))))
    spec = tf.TensorSpec((None, *source.image_shape), tf.uint8)
    network = tf.function(
        lambda images: run.model(run.preprocess(images), training=False), input_signature=[spec]
    )
    pixels, encoded = tf.constant(image), tf.io.encode_png(image[0])[tf.newaxis]
    serve = {
        name: model.signatures[f"serve_{name}"] for name in ("images", "encoded", "backing_off")
    }
    error = tf.constant(0.1)
    note = f"{backbone} of width {width:g}, one image"
    return [
        _ratio(
            "serving/latency",
            lambda: serve["images"](images=pixels),
            lambda: network(pixels),
            1.1,
            f"latency of an exported model over its network with preprocessing, {note}",
            settings.pairs,
            answers,
        ),
        _ratio(
            "serving/backing_off",
            lambda: serve["backing_off"](images=encoded, error=error),
            lambda: serve["encoded"](images=encoded),
            1.02,
            f"latency of backing off over that of the best classes, {note} as PNG",
            settings.pairs,
            answers,
        ),
    ]


def _ratio(
    name: str,
    first: Callable[[], dict[str, tf.Tensor]],
    second: Callable[[], dict[str, tf.Tensor]],
    bound: float,
    note: str,
    pairs: int,
    answers: int,
) -> Measurement:
    """Of two latencies, answer by answer in turn; each timing is the median of its answers."""
    ratios = []
    for _ in range(pairs):
        times = time_pairs(_answered(first), _answered(second), answers, clock=time.perf_counter)
        ratios.append(float(np.median(times.first) / np.median(times.second)))
    return of_pairs(name, ratios, bound, note)


def _answered(serve: Callable[[], dict[str, tf.Tensor]]) -> Callable[[], object]:
    """Serves, and returns when the answer is there."""
    return lambda: [value.numpy() for value in serve().values()]
