"""Charts as SVG, in the colours of the page they stand on."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from coarse2fine.page.html import Html, element

_WIDTH, _HEIGHT = 640, 300
_RIGHT, _TOP, _BOTTOM = 26, 12, 46
_LETTER = 11  # How wide one is at most, on narrow screens.
_TICKS = 5
# That the page's style names.
_COLOURS = 6
_DASHES = 4


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        name: in the legend.
        x: `(n,)`.
        y: `(n,)`.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]


def line_chart(
    lines: Sequence[Line],
    x_name: str,
    y_name: str,
    y_range: tuple[float, float] | None = None,
    diagonal: bool = False,
) -> Html:
    """Lines over one pair of axes, with a legend below.

    Args:
        lines: at least one, each with a point.
        x_name: of the horizontal axis.
        y_name: of the vertical one.
        y_range: from and to; default what the lines need.
        diagonal: whether to draw where x and y are equal.
    """
    all_x = np.concatenate([np.asarray(line.x, float) for line in lines])
    all_y = np.concatenate([np.asarray(line.y, float) for line in lines])
    x_low, x_high = _range(all_x) if y_range is None or not diagonal else y_range
    y_low, y_high = _range(all_y) if y_range is None else y_range

    y_ticks = {y: f"{y:g}" for y in _ticks(y_low, y_high)}
    start = 12 + _LETTER * max(map(len, y_ticks.values()))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_low) / (x_high - x_low)
        up = (y - y_low) / (y_high - y_low)
        return (
            round(start + across * (_WIDTH - start - _RIGHT), 1),
            round(_HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM), 1),
        )

    parts = []
    for y, text in y_ticks.items():
        left, height = place(x_low, y)
        right, _ = place(x_high, y)
        parts.append(element("line", x1=left, x2=right, y1=height, y2=height, class_="grid"))
        parts.append(element("text", text, x=left - 6, y=height + 4, text_anchor="end"))
    for x in _ticks(x_low, x_high):
        across, bottom = place(x, y_low)
        parts.append(element("text", f"{x:g}", x=across, y=bottom + 18, text_anchor="middle"))
    if diagonal:
        (x1, y1), (x2, y2) = place(x_low, x_low), place(x_high, x_high)
        parts.append(element("line", x1=x1, x2=x2, y1=y1, y2=y2, class_="grid dashed"))
    looks = [_look(number) for number in range(len(lines))]
    for look, line in zip(looks, lines, strict=True):
        points = [place(x, y) for x, y in zip(line.x, line.y, strict=True)]
        path = " ".join(f"{x},{y}" for x, y in points)
        name = element("title", line.name)  # That browsers show where the line is pointed at.
        parts.append(element("polyline", name, points=path, class_=f"line {look}"))
        if len(points) <= 20:
            parts += [element("circle", cx=x, cy=y, r=3, class_=f"dot {look}") for x, y in points]
    middle = (start + _WIDTH - _RIGHT) / 2
    parts.append(element("text", x_name, x=middle, y=_HEIGHT - 6, text_anchor="middle"))
    chart = element("svg", parts, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=y_name)
    keys = [element("li", _key(look), line.name) for look, line in zip(looks, lines, strict=True)]
    caption = element("figcaption", y_name, element("ul", keys, class_="legend"))
    return element("figure", chart, caption)


def _look(number: int) -> str:
    """The colour of a line; after the last colour all come again, with other dashes."""
    return f"c{number % _COLOURS} d{number // _COLOURS % _DASHES}"


def _key(look: str) -> Html:
    line = element("line", x1=0, x2=40, y1=2, y2=2, class_=f"line {look}")
    return element("svg", line, viewBox="0 0 40 4", class_="key", aria_hidden="true")


def _range(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers from `low` to `high`."""
    rough = (high - low) / _TICKS
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = np.ceil(low / step - 1e-9) * step
    return [float(f"{tick:.6g}") + 0.0 for tick in np.arange(first, high + step * 1e-6, step)]
