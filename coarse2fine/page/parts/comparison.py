"""Several runs side by side."""

from collections.abc import Sequence
from typing import Any

from coarse2fine.page.charts import Line, line_chart
from coarse2fine.page.html import Html, element, section, share, table
from coarse2fine.page.page_run import PageRun
from coarse2fine.page.parts.accuracy import LEVELS
from coarse2fine.page.parts.curves import metric_lines
from coarse2fine.page.parts.training import LABELS

_DIGITS = 12  # Of a fingerprint.


def comparison(runs: Sequence[PageRun]) -> Html:
    """What runs were trained and evaluated on, how good they are, and what of each is missing."""
    header = ["", *(run.name for run in runs)]
    rows = [*_images(runs), *_accuracies(runs), *_costs(runs)]
    notes = [
        element("p", element("b", f"{run.name}:"), f" {' '.join(run.notes)}", class_="warning")
        for run in runs
        if run.notes
    ]
    lines = _lines(runs)
    chart = line_chart(lines, "epoch", "accuracy") if lines else None
    return section(
        "Side by side", _warnings(runs), table(header, rows), notes, _without_examples(runs), chart
    )


def _warnings(runs: Sequence[PageRun]) -> list[Html]:
    """Why accuracies of these runs are not to be compared."""
    reports = [run.report for run in runs if run.report is not None]
    differences = {
        "test_fingerprint": "on different test images",
        "views": "in different numbers of views of each test image",
    }
    return [
        element(
            "p",
            element("b", "Their accuracies cannot be compared:"),
            f" these runs were evaluated {difference}.",
            class_="warning",
        )
        for key, difference in differences.items()
        if len({report[key] for report in reports}) > 1
    ]


def _without_examples(runs: Sequence[PageRun]) -> Html | None:
    """Where to find what is shown of one run alone."""
    without = [run for run in runs if run.report is not None and not (run.maps or run.confused)]
    if not without:
        return None
    text = (
        "Where in test images a run saw its classes, and which siblings it takes for each other, "
        f"stands on a page of that run alone: launch/report.py --workdir={without[0].path}."
    )
    return element("p", text, class_="faint")


def _images(runs: Sequence[PageRun]) -> list[list[Any]]:
    """Rows of what was trained and evaluated on."""
    rows: list[list[Any]] = [
        ["data set", *(run.config.dataset for run in runs)],
        ["learns from", *(LABELS[run.config.labels] for run in runs)],
    ]
    reports = [run.report for run in runs]
    if any(reports):
        rows += [
            [
                "test images, by fingerprint",
                *(
                    "not evaluated" if r is None else r["test_fingerprint"][:_DIGITS]
                    for r in reports
                ),
            ],
            ["number of test images", *("" if r is None else r["num_images"] for r in reports)],
            ["views of each", *("" if r is None else r["views"] for r in reports)],
            ["evaluated after", *(run.evaluated_after or "" for run in runs)],
        ]
    return rows


def _accuracies(runs: Sequence[PageRun]) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for key, text in LEVELS.items():
        values = [None if run.report is None else run.report.get(key) for run in runs]
        if any(value is not None for value in values):
            rows.append([text, *map(share, values)])
    return rows


def _costs(runs: Sequence[PageRun]) -> list[list[Any]]:
    searches = ", searches included" if any(run.config.refit for run in runs) else ""
    seconds = [run.cost["seconds"] for run in runs]
    return [
        [f"updates{searches}", *(run.cost["steps"] for run in runs)],
        [f"images seen{searches}", *(run.cost["images_seen"] for run in runs)],
        [f"minutes{searches}", *((f"{each / 60:.1f}", each) for each in seconds)],
    ]


def _lines(runs: Sequence[PageRun]) -> list[Line]:
    """The accuracy of each run by epoch: on validation images, or else on training images."""
    lines = []
    for run in runs:
        level = "coarse" if run.config.labels == "coarse" else "fine"
        for kind, key in (("validation", f"val_{level}_top1"), ("training", f"{level}_top1")):
            if found := metric_lines(run.metrics, {f"{run.name} ({level}, {kind})": key}):
                lines += found
                break
    return lines
