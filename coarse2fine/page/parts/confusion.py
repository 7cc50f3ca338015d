"""Which classes are taken for each other."""

import numpy as np

from coarse2fine.page.html import NOTHING, Html, data_url, element, percent, picture, section
from coarse2fine.page.page_run import PageRun
from coarse2fine.shortened import shortened


def confusion(run: PageRun) -> Html:
    """The fine confusion matrix, in blocks of one parent; without a fine head the coarse one."""
    if run.decisions is None:
        return NOTHING
    found, taxonomy = run.decisions.confusion(run.taxonomy)
    order = np.concatenate(taxonomy.children)
    matrix = found[np.ix_(order, order)]
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
    )
    is_fine = run.decisions.has_fine_head
    note = (
        f"Rows are true {'' if is_fine else 'coarse '}classes, columns named ones, in one order"
        f"{'; frames hold siblings' if is_fine else ''}. The stronger the colour, the larger the "
        "share of the row (its square root): green is right."
    )
    title = f"Confusion {'by' if is_fine else 'of'} coarse classes"
    return section(title, element("figure", chart, element("p", note)))


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
        title = f"{first} and {second}: {percent(pair.share)} are named as the other"
        parts += [element("h3", title), element("div", cards, class_="cards")]
    return section(
        "Hardest siblings",
        element("p", "Test images that were taken for the other class.", class_="faint"),
        parts,
    )
