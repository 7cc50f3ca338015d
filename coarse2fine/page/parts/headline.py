"""The few numbers that say how good a run is."""

from coarse2fine.page.html import Html, element, joined, share
from coarse2fine.page.page_run import PageRun
from coarse2fine.page.parts.accuracy import LEVELS


def headline(run: PageRun) -> Html:
    """The few numbers that say how good a run is, and what is missing."""
    numbers: list[tuple[str, float | None]] = []
    if run.report is not None:
        numbers = [(LEVELS[key], run.report.get(key)) for key in ("fine_top1", "coarse_top1")]
    elif run.metrics:
        last = run.metrics[-1]
        keys = ("val_fine_top1", "val_coarse_top1")
        numbers = [(f"{LEVELS[key[4:]]}, validation", last.get(key)) for key in keys]
    shown = [
        element("li", element("b", share(value)[0]), name)
        for name, value in numbers
        if value is not None
    ]
    warnings = [element("p", note, class_="warning") for note in run.notes]
    evaluated = f"Evaluated after {run.evaluated_after}." if run.evaluated_after else None
    return joined(
        [
            element("ul", shown, class_="headline") if shown else None,
            element("p", evaluated, class_="faint") if evaluated else None,
            warnings,
        ]
    )
