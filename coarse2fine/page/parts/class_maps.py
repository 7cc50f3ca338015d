"""Where in test images the classes were seen."""

import numpy as np

from coarse2fine.evaluation.chosen import OUTCOMES
from coarse2fine.evaluation.class_maps import ClassMap, ImageMaps
from coarse2fine.page.html import NOTHING, Html, element, picture, section
from coarse2fine.page.page_run import PageRun
from coarse2fine.training.lit import lit


def class_maps(run: PageRun) -> Html:
    """Where in test images the classes were seen."""
    if not run.maps:
        return NOTHING
    parts = []
    for kind, rows in run.maps.items():
        parts.append(element("h3", OUTCOMES[kind].capitalize()))
        parts += [_image_maps(row) for row in rows]
    note = (
        "Each image, and behind it the same lit where a class was seen: the best fine classes, "
        "then the best coarse ones."
    )
    if (run.views or 1) > 1:
        note += f" Images were named in {run.views} views; maps and probabilities are of one."
    return section("Where it saw its classes", element("p", note, class_="faint"), parts)


def _image_maps(row: ImageMaps) -> Html:
    cells = [element("div", picture(row.image, row.label), element("b", row.label))]
    cells += [_lit(row.image, each) for each in row.maps]
    return element("div", cells, class_="maps")


def _lit(image: np.ndarray, each: ClassMap) -> Html:
    pixels = np.round(lit(image, each.heat)).astype(np.uint8)
    mark = " ✓" if each.is_right else ""
    text = f"{each.level}: {each.name}{mark}, {each.probability:.0%}"
    return element("div", picture(pixels, text), text)
