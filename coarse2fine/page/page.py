"""The whole page."""

import base64
import hashlib
from collections.abc import Sequence

from coarse2fine.errors import check_some
from coarse2fine.page import parts
from coarse2fine.page.html import Html, element, joined
from coarse2fine.page.page_run import PageRun
from coarse2fine.page.style import SCRIPT, STYLE

_PARTS = (
    parts.headline,
    parts.what_was_trained,
    parts.accuracy_by_level,
    parts.curves,
    parts.class_maps,
    parts.hardest_pairs,
    parts.confusion,
    parts.accuracy_by_class,
    parts.calibration,
    parts.advice,
    parts.cost,
    parts.command,
)


def make_page(runs: Sequence[PageRun], left_out: Sequence[str] = ()) -> str:
    """A page with everything in it: pictures, style and script; browsers let it fetch nothing.

    Args:
        runs: one, or several that are also shown side by side.
        left_out: why runs beside these are not shown.

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
        content = joined([parts.comparison(runs), apart])
    head = element(
        "head",
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", title),
        element("style", Html(STYLE)),
    )
    warnings = [
        element("p", element("b", "A run is left out."), f" {reason}", class_="warning")
        for reason in left_out
    ]
    body = element("body", element("h1", title), warnings, content, element("script", Html(SCRIPT)))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _policy() -> str:
    """What a browser may use: pictures inside the page, its style and its script."""
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
