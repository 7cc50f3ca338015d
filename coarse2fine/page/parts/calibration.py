"""When a network is to be trusted."""

from collections.abc import Mapping
from typing import Any

from coarse2fine.evaluation.promise_text import promise_text
from coarse2fine.page.charts import Line, line_chart
from coarse2fine.page.html import NOTHING, Html, element, facts, percent, section, share, table
from coarse2fine.page.page_run import PageRun


def calibration(run: PageRun) -> Html:
    """What its probabilities are worth, and what it names at an asked error rate."""
    if run.report is None or not run.report.get("calibration"):
        return NOTHING
    found, back = run.report["calibration"], run.report["backing_off"]
    rows = [
        [
            level,
            f"{each['temperature']:.3f}",
            share(each["error_before"]),
            share(each["error_after"]),
        ]
        for level, each in found.items()
    ]
    header = ["level", "temperature", "calibration error before", "after"]
    charts = [
        line_chart(
            [Line(level, *zip(*each["reliability"], strict=True))],
            "confidence",
            f"accuracy of the {level} class, by confidence at its temperature",
            (0.0, 1.0),
            diagonal=True,
        )
        for level, each in found.items()
        if each.get("reliability")
    ]
    values = {
        "asked error rate": percent(back["error"]),
        "named by the fine class": percent(back["fine"]),
        "named by the coarse class": percent(back["coarse"]),
        "not named": percent(back["nothing"]),
        "named wrongly, of what is named": percent(back["error_rate"]),
    }
    return section(
        "When to trust it",
        table(header, rows),
        charts,
        element("h3", "Backing off"),
        element("p", _promise(back)),
        facts(values),
    )


def _promise(back: Mapping[str, Any]) -> str:
    if "validation_chose" not in back:  # Reports of before they said so.
        return (
            "What is promised is not known: the report does not say what validation images chose. "
            "Evaluate the run again with --error."
        )
    return promise_text(back)
