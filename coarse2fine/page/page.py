"""The whole page."""

from collections.abc import Sequence

from coarse2fine.evaluation.figures._canvas import check_some
from coarse2fine.page import sections
from coarse2fine.page.html import Html, element, joined
from coarse2fine.page.page_run import PageRun
from coarse2fine.page.style import SCRIPT, STYLE

_PARTS = (
    sections.headline,
    sections.what_was_trained,
    sections.accuracy_by_level,
    sections.curves,
    sections.class_maps,
    sections.hardest_pairs,
    sections.confusion,
    sections.accuracy_by_class,
    sections.calibration,
    sections.advice,
    sections.cost,
    sections.command,
)


def make_page(runs: Sequence[PageRun]) -> str:
    """A page with everything in it: pictures, style and script; nothing is fetched.

    Args:
        runs: one, or several that are also shown side by side.

    Raises:
        InputError: no run.
    """
    check_some("runs", runs)
    title = runs[0].name if len(runs) == 1 else f"{len(runs)} runs"
    if len(runs) == 1:
        content = joined([part(runs[0]) for part in _PARTS])
    else:
        apart = [
            element(
                "details",
                element("summary", element("b", run.name)),
                [part(run) for part in _PARTS],
            )
            for run in runs
        ]
        content = joined([sections.comparison(runs), apart])
    head = element(
        "head",
        Html('<meta charset="utf-8">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", title),
        element("style", Html(STYLE)),
    )
    body = element("body", element("h1", title), content, element("script", Html(SCRIPT)))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"
