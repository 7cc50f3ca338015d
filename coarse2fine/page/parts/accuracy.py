"""How many test images were named rightly, by level and by class."""

from typing import Any

import numpy as np

from coarse2fine.page.html import NOTHING, Html, element, facts, percent, section, share, table
from coarse2fine.page.page_run import PageRun

LEVELS = {
    "fine_top1": "fine class",
    "fine_top5": "fine class among the best five",
    "fine_top1_top_down": "fine class, named top-down",
    "coarse_top1": "coarse class, by the coarse head",
    "coarse_top1_from_fine": "coarse class, as the parent of the best fine one",
    "coarse_top1_from_fine_sum": "coarse class, by the sum over its fine ones",
}
"""The accuracies of a report, each in words."""


_COLUMNS = ("class", "parent", "images", "right", "a sibling", "elsewhere", "most taken for")
_OF_FINE_CLASSES = ("parent", "a sibling", "elsewhere")


def accuracy_by_level(run: PageRun) -> Html:
    """Accuracies of the test set, level by level."""
    if run.report is None:
        return NOTHING
    report = run.report
    rows = [
        [text, share(report[key])] for key, text in LEVELS.items() if report.get(key) is not None
    ]
    values = {
        "test images": f"{report['num_images']:,}",
        "views of each": run.views,
        "both heads agree on": percent(report.get("agreement")),
        "wrong fine classes that leave the parent": percent(report.get("mistake_severity")),
    }
    return section("Accuracy by level", table(["named rightly", "share"], rows), facts(values))


def accuracy_by_class(run: PageRun) -> Html:
    """How each fine class is named; of a run without a fine head each coarse class."""
    if run.decisions is None:
        return NOTHING
    confusion, taxonomy = run.decisions.confusion(run.taxonomy)
    parent = np.asarray(taxonomy.parent)
    rows: list[dict[str, Any]] = []
    for number, named in enumerate(confusion):
        total = int(named.sum())
        if not total:
            continue
        others = named.copy()
        others[number] = 0
        family = named[parent == parent[number]].sum()
        most = int(others.argmax())
        cells = (
            taxonomy.fine_names[number],
            taxonomy.coarse_names[parent[number]],
            total,
            share(named[number] / total),
            share((family - named[number]) / total),
            share((total - family) / total),
            f"{taxonomy.fine_names[most]} ({others[most]})" if others[most] else "",
        )
        rows.append(dict(zip(_COLUMNS, cells, strict=True)))
    is_fine = run.decisions.has_fine_head
    header = [name for name in _COLUMNS if is_fine or name not in _OF_FINE_CLASSES]
    return section(
        "Accuracy by class",
        element("p", "Click on a column to sort by it.", class_="faint"),
        table(header, [[row[name] for name in header] for row in rows], sortable=True),
    )
