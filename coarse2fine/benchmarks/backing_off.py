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
    data_dir = settings.images.data_dir
    name = "shapes" if data_dir is None else "cifar100"
    source, test = (load_source(name, split, data_dir) for split in ("train", "test"))
    run = train(config, settings.workdir / "backing_off", source=source)
    predictions = predict(run.model, run.preprocess, test, batch_size=batch_size)
    assert predictions.fine_scores is not None, "a run with a fine head"
    accuracy = float((predictions.fine_scores.argmax(-1) == predictions.fine).mean())
    note = f"{backbone} of width {width:g} after {steps} updates, {accuracy:.1%} on {name}"
    reports = _reports(predictions, cuts)
    kept = [[_is_kept(report) for report in of_error] for of_error in reports.values()]
    together = float(np.all(kept, axis=0).mean())
    all_rates = f"{cuts} cuts of the test images of {note}: all of these rates kept together"
    return [
        *(_at(error, of_error, note) for error, of_error in reports.items()),
        _measurement("together", together, all_rates),
    ]


def _reports(predictions: Predictions, cuts: int) -> dict[float, list[dict[str, float | None]]]:
    """By error rate, what each cut's other half is named by."""
    rng = np.random.default_rng(0)
    reports: dict[float, list[dict[str, float | None]]] = {error: [] for error in _ERRORS}
    for _ in range(cuts):
        one, other = np.array_split(rng.permutation(len(predictions.coarse)), 2)
        backing_off = BackingOff.fit(predictions.of(one))
        for error, of_error in reports.items():
            of_error.append(report_on_backing_off(backing_off, predictions.of(other), error))
    return reports


def _is_kept(report: dict[str, float | None]) -> bool:
    """Whether the rate is what was asked for; so it is where nothing is named."""
    rate, asked = report["error_rate"], report["error"]
    assert asked is not None
    return rate is None or rate <= asked


def _at(error: float, reports: list[dict[str, float | None]], note: str) -> Measurement:
    rates = [rate for report in reports if (rate := report["error_rate"]) is not None]
    shares = [
        f"{np.mean([report[level] for report in reports]):.1%} {text}"
        for level, text in (
            ("fine", "named by the fine class"),
            ("coarse", "by the coarse one"),
            ("nothing", "by nothing"),
        )
    ]
    found = f"error rate {np.mean(rates):.3f}, at most {max(rates):.3f}" if rates else "no rate"
    return _measurement(
        f"{error:g}",
        float(np.mean([_is_kept(report) for report in reports])),
        f"{len(reports)} cuts of the test images of {note}, asked for an error rate of {error:g}: "
        f"{', '.join(shares)}; {found}; {len(reports) - len(rates)} cuts named nothing",
    )


def _measurement(name: str, kept: float, note: str) -> Measurement:
    return Measurement(
        f"backing_off/{name}",
        kept,
        kept,
        kept,
        bound=_PROMISED,
        unit="of cuts",
        is_upper_bound=False,
        note=note,
    )
