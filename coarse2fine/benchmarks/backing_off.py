"""Whether backing off keeps the error rates that it promises."""

import numpy as np

from coarse2fine.benchmarks.measurement import Measurement, Settings
from coarse2fine.data import load_source
from coarse2fine.evaluation import Predictions, predict
from coarse2fine.evaluation.backing_off import BackingOff, report_on_backing_off
from coarse2fine.training import Config, train

_ERRORS = (0.05, 0.1, 0.2)
_PROMISED = 0.9  # Of the sets that it is calibrated on.


def measure(
    settings: Settings,
    backbone: str = "fastnet",
    steps: int = 1200,
    batch_size: int = 128,
    width: float = 1.0,
    cuts: int = 200,
) -> list[Measurement]:
    """The share of random cuts of a run's test images in which an asked error rate is kept.

    Each cut calibrates on one half and names the other.

    Args:
        settings: of all benchmarks.
        backbone: of the run.
        steps: its updates.
        batch_size: of these.
        width: of the network.
        cuts: of the test images.
    """
    config = Config(
        backbone=backbone,
        width=width,
        fine_fraction=0.5,
        coarse_fraction=0.5,
        coarse_supervision="marginal",
        coarse_term="coarse_only",
        validation_fraction=0.0,
        batch_size=batch_size,
        steps=steps,
        schedule="onecycle",
        learning_rate=0.2,
        nesterov=True,
        weight_decay_on="kernels",
        preprocess="standardize",
        augment="crop_flip",
        precision="mixed_bfloat16",
    )
    images = settings.images
    source = images.load()
    run = train(config, settings.workdir / "backing_off", source=source)
    test = source if images.data_dir is None else load_source("cifar100", "test", images.data_dir)
    predictions = predict(run.model, run.preprocess, test, batch_size=batch_size)
    assert predictions.fine_scores is not None, "a run with a fine head"
    accuracy = float((predictions.fine_scores.argmax(-1) == predictions.fine).mean())
    note = f"{backbone} of width {width:g} after {steps} updates, {accuracy:.1%} on {images.kind}"
    return [_cut(predictions, error, cuts, note) for error in _ERRORS]


def _cut(predictions: Predictions, error: float, cuts: int, note: str) -> Measurement:
    rng = np.random.default_rng(0)
    reports = []
    for _ in range(cuts):
        one, other = np.array_split(rng.permutation(len(predictions.coarse)), 2)
        backing_off = BackingOff.fit(predictions.of(one))
        reports.append(report_on_backing_off(backing_off, predictions.of(other), error))
    rates = np.array([report["error_rate"] or 0.0 for report in reports])
    shares = {
        level: float(np.mean([report[level] for report in reports]))
        for level in ("fine", "coarse", "nothing")
    }
    kept = float((rates <= error).mean())
    return Measurement(
        f"backing_off/{error:g}",
        kept,
        kept,
        kept,
        bound=_PROMISED,
        unit="of cuts",
        is_upper_bound=False,
        note=(
            f"{cuts} cuts of the test images of {note}, asked for an error rate of {error:g}: "
            f"{shares['fine']:.1%} named by the fine class, {shares['coarse']:.1%} by the coarse "
            f"one, {shares['nothing']:.1%} by nothing; error rate {rates.mean():.3f}, at most "
            f"{rates.max():.3f}"
        ),
    )
