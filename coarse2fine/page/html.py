"""HTML from plain values: what is text is escaped, what is HTML says so."""

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

# Images up to this size keep every pixel; larger ones are pictures of things, as JPEG.
_SMALL = 64


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


NOTHING = Html("")


def element(tag: str, *children: Any, **attributes: Any) -> Html:
    """An element; children that are not `Html` are escaped, None and False are left out.

    Args:
        tag: name of the element.
        *children: texts, numbers, `Html`, or sequences of these.
        **attributes: with `_` at the end where Python has the word, and `_` for `-`.

    Example:
        >>> element("p", "a < b", element("b", 1), class_="note")
        '<p class="note">a &lt; b<b>1</b></p>'
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Html(f"<{tag}{written}>{joined(children)}</{tag}>")


def joined(children: Iterable[Any]) -> Html:
    """Children one behind the other, as of `element`."""
    parts: list[str] = []
    for child in children:
        if child is None or child is False:
            continue
        if isinstance(child, Html):
            parts.append(child)
        elif isinstance(child, list | tuple):
            parts.append(joined(child))
        else:
            parts.append(html.escape(str(child)))
    return Html("".join(parts))


def section(title: str, *children: Any) -> Html:
    """A part of the page under its title."""
    return element("section", element("h2", title), *children)


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], sortable: bool = False) -> Html:
    """A table; columns of numbers stand to the right.

    Args:
        header: names of the columns.
        rows: cells: texts, `Html`, numbers, or `(shown, number)` to sort by the number.
        sortable: whether a click on a column's name sorts by it.
    """
    head = element("tr", [element("th", name, scope="col") for name in header])
    body = [element("tr", [_cell(cell) for cell in row]) for row in rows]
    return element(
        "div",
        element(
            "table",
            element("thead", head),
            element("tbody", body),
            class_="sortable" if sortable else None,
        ),
        class_="wide",
    )


def _cell(cell: Any) -> Html:
    if isinstance(cell, tuple):
        shown, number = cell
        return element("td", shown, class_="number", data_sort=number)
    if isinstance(cell, int | float):
        shown = f"{cell:,}" if isinstance(cell, int) else f"{cell:.4g}"
        return element("td", shown, class_="number", data_sort=cell)
    return element("td", cell)


def percent(value: float | None) -> str | None:
    """A share in percent; None stays None."""
    return None if value is None else f"{100 * value:.2f} %"


def share(value: float | None) -> tuple[str, float]:
    """A share as a cell: in percent, or nothing."""
    return (percent(value) or "", -1.0 if value is None else value)


def facts(values: Mapping[str, Any]) -> Html:
    """Names and values, one a line; those that are None are left out."""
    rows = [
        (element("dt", name), element("dd", value))
        for name, value in values.items()
        if value is not None
    ]
    return element("dl", rows)


def picture(pixels: np.ndarray, alt: str, **attributes: Any) -> Html:
    """An image inside the page.

    Args:
        pixels: `(height, width, channels)` uint8 with 1, 3 or 4 channels.
        alt: what it shows, in words.
        **attributes: of the element.
    """
    return Html(
        element("img", alt=alt, src=data_url(pixels), loading="lazy", **attributes).removesuffix(
            "</img>"
        )
    )


def data_url(pixels: np.ndarray) -> str:
    """An image as a URL that holds it."""
    is_small = max(pixels.shape[:2]) <= _SMALL or pixels.shape[-1] == 4
    encoded = (tf.io.encode_png if is_small else tf.io.encode_jpeg)(pixels).numpy()
    kind = "png" if is_small else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"
