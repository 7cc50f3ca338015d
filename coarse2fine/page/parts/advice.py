"""What finer labels are likely to bring."""

from coarse2fine.evaluation.advice import Estimate
from coarse2fine.page.html import NOTHING, Html, element, section, table
from coarse2fine.page.page_run import PageRun


def advice(run: PageRun) -> Html:
    """What finer labels are likely to bring."""
    if run.advice is None:
        return NOTHING
    found = run.advice
    rows = [
        [row.name, row.num_images, _estimate(row.ratio, 1, ".3f"), _estimate(row.gain, 100, "+.2f")]
        for row in found.classes
    ]
    text = (
        f"Average confusion ratio {_estimate(found.ratio, 1, '.3f')}. Likely gain of coarse "
        f"accuracy from fine labels, in points: {_estimate(found.gain, 100, '+.2f')}. Intervals "
        "are of 95 %; the coarse classes that gain most stand first."
    )
    header = ["coarse class", "images", "confusion ratio", "likely gain, points"]
    return section("What finer labels bring", element("p", text), table(header, rows))


def _estimate(found: Estimate | None, factor: float, form: str) -> str:
    if found is None:
        return "cannot tell"
    value, low, high = (format(factor * x, form) for x in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"
