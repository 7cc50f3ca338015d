"""The parts of a page, each from a run to HTML; those that a run has nothing for are empty."""

import math
import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np

from coarse2fine.evaluation.advice import Estimate
from coarse2fine.evaluation.class_maps import ClassMap, ImageMaps
from coarse2fine.evaluation.figures._canvas import shortened
from coarse2fine.page.charts import Line, line_chart
from coarse2fine.page.html import (
    Html,
    data_url,
    element,
    facts,
    joined,
    picture,
    section,
    share,
    table,
)
from coarse2fine.page.page_run import PageRun
from coarse2fine.training.config import DEFAULTS

NOTHING = Html("")

_LEVELS = {
    "fine_top1": "fine class",
    "fine_top5": "fine class among the best five",
    "fine_top1_top_down": "fine class, named top-down",
    "coarse_top1": "coarse class, by the coarse head",
    "coarse_top1_from_fine": "coarse class, as the parent of the best fine one",
    "coarse_top1_from_fine_sum": "coarse class, by the sum over its fine ones",
}
_OUTCOMES = {
    "right": "Named rightly",
    "a sibling": "Named as a sibling",
    "another parent": "Named as a child of another parent",
    "wrong": "Named wrongly",
}
_DARKEST = 0.2  # Of an image where a class was not seen.


def headline(run: PageRun) -> Html:
    """The few numbers that say how good a run is, and what is missing."""
    numbers: list[tuple[str, float | None]] = []
    if run.report is not None:
        numbers = [(_LEVELS[key], run.report.get(key)) for key in ("fine_top1", "coarse_top1")]
    elif run.metrics:
        last = run.metrics[-1]
        keys = ("val_fine_top1", "val_coarse_top1")
        numbers = [(f"{_LEVELS[key[4:]]}, validation", last.get(key)) for key in keys]
    shown = [
        element("li", element("b", share(value)[0]), name)
        for name, value in numbers
        if value is not None
    ]
    warnings = [element("p", note, class_="warning") for note in run.notes]
    return joined([element("ul", shown, class_="headline") if shown else None, warnings])


def what_was_trained(run: PageRun) -> Html:
    """Network, labels and images."""
    config, counts = run.config, run.data["images"]
    labels = {
        "mixed": "fine labels of some images, coarse labels of all",
        "fine": "fine labels alone (baseline)",
        "oracle": "fine labels of all images (oracle)",
        "coarse": "coarse labels alone",
    }
    values = {
        "data set": config.dataset,
        "classes": f"{run.taxonomy.num_fine} fine in {run.taxonomy.num_coarse} coarse",
        "learns from": labels[config.labels],
        "images with a fine label": f"{counts['fine_labelled']:,}",
        "images with a coarse label alone": f"{counts['coarse_only']:,}",
        "validation images": f"{counts['validation']:,}",
        "network": f"{config.backbone}, width {config.width:g}, {config.precision}",
        "coarse supervision": config.coarse_supervision if config.labels == "mixed" else None,
        "image size": " x ".join(map(str, run.data["image_shape"])),
    }
    return section("What was trained on what", facts(_given(values)))


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
        if lines := _lines(run.metrics, keys):
            charts.append(line_chart(lines, "epoch", name))
    return section("Curves", charts)


def _lines(metrics: Sequence[dict[str, float]], keys: dict[str, str]) -> list[Line]:
    lines = []
    for name, key in keys.items():
        points = [(line["epoch"], line[key]) for line in metrics if key in line]
        points = [(x, y) for x, y in points if math.isfinite(y)]
        if points:
            lines.append(Line(name, *zip(*points, strict=True)))
    return lines


def accuracy_by_level(run: PageRun) -> Html:
    """Accuracies of the test set, level by level."""
    if run.report is None:
        return NOTHING
    report = run.report
    rows = [
        [text, share(report[key])] for key, text in _LEVELS.items() if report.get(key) is not None
    ]
    values = {
        "test images": f"{report['num_images']:,}",
        "views of each": str(report.get("views", 1)),
        "both heads agree on": _percent(report.get("agreement")),
        "wrong fine classes that leave the parent": _percent(report.get("mistake_severity")),
    }
    return section(
        "Accuracy by level", table(["named rightly", "share"], rows), facts(_given(values))
    )


def accuracy_by_class(run: PageRun) -> Html:
    """How each fine class is named."""
    if run.decisions is None or not run.decisions.has_fine_head:
        return NOTHING
    taxonomy = run.taxonomy
    confusion = run.decisions.fine_confusion(taxonomy.num_fine)
    parent = np.asarray(taxonomy.parent)
    rows: list[list[Any]] = []
    for fine, named in enumerate(confusion):
        total = int(named.sum())
        if not total:
            continue
        others = named.copy()
        others[fine] = 0
        family = named[parent == parent[fine]].sum()
        most = int(others.argmax())
        rows.append(
            [
                taxonomy.fine_names[fine],
                taxonomy.coarse_names[parent[fine]],
                total,
                share(named[fine] / total),
                share((family - named[fine]) / total),
                share((total - family) / total),
                f"{taxonomy.fine_names[most]} ({others[most]})" if others[most] else "",
            ]
        )
    header = ["class", "parent", "images", "right", "a sibling", "elsewhere", "most taken for"]
    return section(
        "Accuracy by class",
        element("p", "Click on a column to sort by it.", class_="faint"),
        table(header, rows, sortable=True),
    )


def confusion(run: PageRun) -> Html:
    """The fine confusion matrix, in blocks of one parent."""
    if run.decisions is None or not run.decisions.has_fine_head:
        return NOTHING
    taxonomy = run.taxonomy
    order = np.concatenate(taxonomy.children)
    matrix = run.decisions.fine_confusion(taxonomy.num_fine)[np.ix_(order, order)]
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    cells = np.zeros((*shares.shape, 4), np.uint8)
    cells[..., :3] = (200, 80, 10)
    cells[np.arange(len(cells)), np.arange(len(cells)), :3] = (0, 121, 92)
    cells[..., 3] = np.round(255 * np.sqrt(shares))
    size, names = 600, 150
    cell = size / len(order)
    parts = [
        Html(
            f'<image href="{data_url(cells)}" x="{names}" y="0" width="{size}" height="{size}" '
            'preserveAspectRatio="none"/>'
        )
    ]
    place = 0.0
    for name, children in zip(taxonomy.coarse_names, taxonomy.children, strict=True):
        height = len(children) * cell
        box = {"x": names, "y": round(place, 1), "width": size, "height": round(height, 1)}
        parts.append(element("rect", **box, fill="none", class_="grid"))
        across = {"x": round(names + place, 1), "y": 0, "width": round(height, 1), "height": size}
        parts.append(element("rect", **across, fill="none", class_="grid"))
        if height >= 9:
            short = shortened(name, 24)
            middle = round(place + height / 2 + 4, 1)
            parts.append(element("text", short, x=names - 6, y=middle, text_anchor="end"))
        place += height
    chart = element(
        "svg",
        parts,
        viewBox=f"0 0 {names + size} {size}",
        role="img",
        aria_label="Confusion matrix",
        class_="confusion",
        style="max-width:100%",
    )
    note = (
        "Rows are true classes, columns named ones, in one order; frames hold siblings. The "
        "stronger the colour, the larger the share of the row (its square root): green is right."
    )
    return section("Confusion by coarse classes", element("figure", chart, element("p", note)))


def hardest_pairs(run: PageRun) -> Html:
    """Siblings that are taken for each other."""
    if not run.confused:
        return NOTHING
    parts = []
    for pair in run.confused:
        first, second = pair.names
        cards = [
            element("div", picture(image, f"an image of {name}"), f"{name}", class_="card")
            for image, name in pair.images
        ]
        title = f"{first} and {second}: {_percent(pair.share)} are named as the other"
        parts += [element("h3", title), element("div", cards, class_="cards")]
    return section(
        "Hardest siblings",
        element("p", "Test images that were taken for the other class.", class_="faint"),
        parts,
    )


def class_maps(run: PageRun) -> Html:
    """Where in test images the classes were seen."""
    if not run.maps:
        return NOTHING
    parts = []
    for kind, rows in run.maps.items():
        parts.append(element("h3", _OUTCOMES[kind]))
        parts += [_image_maps(row) for row in rows]
    note = "Each image, and behind it the same lit where a class was seen: the best fine classes, "
    note += "then the best coarse ones."
    return section("Where it saw its classes", element("p", note, class_="faint"), parts)


def _image_maps(row: ImageMaps) -> Html:
    cells = [element("div", picture(row.image, row.label), element("br"), element("b", row.label))]
    cells += [_lit(row.image, each) for each in row.maps]
    return element("div", cells, class_="maps")


def _lit(image: np.ndarray, each: ClassMap) -> Html:
    height, width = image.shape[:2]
    heat = _enlarged(each.heat, height, width)[..., np.newaxis]
    lit = np.round(image * (_DARKEST + (1 - _DARKEST) * heat)).astype(np.uint8)
    mark = " ✓" if each.is_right else ""
    text = f"{each.level}: {each.name}{mark}, {each.probability:.0%}"
    return element("div", picture(lit, text), element("br"), text)


def _enlarged(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear, between the middles of the values."""
    rows, columns = (
        np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        for new, old in zip((height, width), values.shape, strict=True)
    )
    known = [np.arange(length) for length in values.shape]
    along = np.stack([np.interp(columns, known[1], row) for row in values])
    return np.stack([np.interp(rows, known[0], column) for column in along.T], axis=1)


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
        "asked error rate": _percent(back["error"]),
        "named by the fine class": _percent(back["fine"]),
        "named by the coarse class": _percent(back["coarse"]),
        "not named": _percent(back["nothing"]),
        "named wrongly, of what is named": _percent(back["error_rate"]),
    }
    return section(
        "When to trust it",
        table(header, rows),
        charts,
        element("h3", "Backing off"),
        facts(_given(values)),
    )


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


def cost(run: PageRun) -> Html:
    """What it took."""
    if not run.metrics:
        return NOTHING
    last = run.metrics[-1]
    seconds = last["seconds"]
    values = {
        "updates": f"{run.step:,} of {run.config.steps:,}",
        "images seen": f"{int(last['images_seen']):,}",
        "time": f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.0f} seconds",
        "images a second": f"{last['images_seen'] / seconds:,.0f}" if seconds else None,
    }
    return section("Cost", facts(_given(values)))


def command(run: PageRun) -> Html:
    """The command that makes such a run again."""
    return section("Made again by", element("pre", element("code", command_of(run))))


def command_of(run: PageRun) -> str:
    """A call of launch/train.py with what differs from the defaults."""
    flags = ["--workdir=W"]
    for name, default in DEFAULTS.items():
        value = getattr(run.config, name)
        if value == default:
            continue
        if isinstance(value, bool):
            flags.append(f"--{name}" if value else f"--no{name}")
        elif isinstance(value, tuple):
            flags.append(f"--{name}={','.join(':'.join(map(repr, pair)) for pair in value)}")
        else:
            flags.append(f"--{name}={value}")
    return " \\\n  ".join(["python launch/train.py", *map(shlex.quote, flags)])


def comparison(runs: Sequence[PageRun]) -> Html:
    """Several runs side by side."""
    header = ["", *(run.name for run in runs)]
    rows: list[list[Any]] = []
    for key, text in _LEVELS.items():
        values = [None if run.report is None else run.report.get(key) for run in runs]
        if any(value is not None for value in values):
            rows.append([text, *map(share, values)])
    rows.append(["updates", *(run.step for run in runs)])
    rows.append(["images seen", *(run.step * run.config.images_per_step for run in runs)])
    seconds = [run.metrics[-1]["seconds"] if run.metrics else 0.0 for run in runs]
    rows.append(["minutes", *((f"{each / 60:.1f}", each) for each in seconds)])
    lines = []
    for run in runs:
        level = "coarse" if run.config.labels == "coarse" else "fine"
        for key in (f"val_{level}_top1", f"{level}_top1"):
            if found := _lines(run.metrics, {run.name: key}):
                kind = "validation" if key.startswith("val") else "training"
                lines.append(Line(f"{run.name} ({level}, {kind})", found[0].x, found[0].y))
                break
    chart = line_chart(lines, "epoch", "accuracy") if lines else None
    return section("Side by side", table(header, rows), chart)


def _given(values: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.2f} %"


def _estimate(found: Estimate | None, factor: float, form: str) -> str:
    if found is None:
        return "cannot tell"
    value, low, high = (format(factor * x, form) for x in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"
