"""Accuracy and loss, epoch by epoch."""

import math
from collections.abc import Sequence

from coarse2fine.page.charts import Line, line_chart
from coarse2fine.page.html import NOTHING, Html, section
from coarse2fine.page.page_run import PageRun


def curves(run: PageRun) -> Html:
    """Accuracy and loss, epoch by epoch."""
    if not run.metrics:
        return NOTHING
    charts = []
    level = "fine" if run.config.labels != "coarse" else "coarse"
    for name, keys in (
        (
            f"accuracy, {level} classes",
            {"training": f"{level}_top1", "validation": f"val_{level}_top1"},
        ),
        ("loss", {"training": "loss", "validation": "val_loss"}),
    ):
        if lines := metric_lines(run.metrics, keys):
            charts.append(line_chart(lines, "epoch", name))
    return section("Curves", charts)


def metric_lines(metrics: Sequence[dict[str, float]], keys: dict[str, str]) -> list[Line]:
    """Metrics by epoch; those that were never finite are left out.

    Args:
        metrics: of each epoch.
        keys: of the metrics, by the names that their lines get.
    """
    lines = []
    for name, key in keys.items():
        points = [(line["epoch"], line[key]) for line in metrics if key in line]
        points = [(x, y) for x, y in points if math.isfinite(y)]
        if points:
            lines.append(Line(name, *zip(*points, strict=True)))
    return lines
