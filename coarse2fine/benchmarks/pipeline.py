"""The input pipeline against the network that it feeds, and against bare decoding of files."""

from collections.abc import Callable

import numpy as np

from coarse2fine.benchmarks.images import FITTED
from coarse2fine.benchmarks.jpeg import PHOTOGRAPHS, Jpegs, measure_jpeg
from coarse2fine.benchmarks.measurement import Measurement, Settings, of_pairs
from coarse2fine.benchmarks.step import fit_ours
from coarse2fine.benchmarks.timing import time_pairs
from coarse2fine.data import Schedule, Source, draw_partition, select_labels, training_batches
from coarse2fine.training.preprocessing import fit_preprocessing, make_preprocessing

_POLICY = "mixed_bfloat16"


def measure(
    settings: Settings,
    batch_size: int = 128,
    width: float = 1.0,
    steps: int = 4,
    batches: int = 50,
    jpegs: Jpegs = PHOTOGRAPHS,
) -> list[Measurement]:
    """Images a second of the training batches.

    Of whitened ones over those of the training step, and of JPEG files over bare operations.

    Args:
        settings: of all benchmarks.
        batch_size: images a batch.
        width: of NIN.
        steps: training steps a timing.
        batches: batches of the pipeline a timing.
        jpegs: files to decode.
    """
    read = _read(settings.images.load(), batch_size, batches)
    times = time_pairs(read, fit_ours(_POLICY, batch_size, width, steps), settings.pairs)
    images = batch_size * batches, batch_size * steps
    rates = images[0] / times.first, images[1] / times.second
    return [
        of_pairs(
            "pipeline/whitened",
            rates[0] / rates[1],
            bound=10.0,
            note=(
                f"images/s of the pipeline alone, whitened, mixed labels, batch {batch_size}, "
                f"{settings.images.kind}, over a {_POLICY} training step of NIN of width "
                f"{width:g} ({np.median(rates[0]):.0f} and {np.median(rates[1]):.0f} images/s)"
            ),
            is_upper_bound=False,
        ),
        *measure_jpeg(settings, jpegs),
    ]


def _read(source: Source, batch_size: int, batches: int) -> Callable[[], None]:
    """What reads some training batches, from a cold start of the pipeline."""
    partition = draw_partition(source.fine, source.coarse, source.ids)
    fine_labelled, coarse_only = select_labels(partition, "mixed")
    fitted = np.concatenate([fine_labelled, coarse_only])[:FITTED]
    preprocess = make_preprocessing(
        "gcn_zca", fit_preprocessing("gcn_zca", source, fitted), source.image_shape
    )
    schedule = Schedule(len(fine_labelled), len(coarse_only), batch_size, seed=0)
    data = training_batches(source, fine_labelled, coarse_only, schedule, preprocess).take(batches)

    def read() -> None:
        for _ in data:
            pass

    return read
