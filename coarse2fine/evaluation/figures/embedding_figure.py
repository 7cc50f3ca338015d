"""Images as points of a plane, coloured by class."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coarse2fine.errors import InputError, check_some
from coarse2fine.evaluation.figures._canvas import WIDTH, new_figure
from coarse2fine.evaluation.figures._names import write_names
from coarse2fine.import_extra import import_extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Blue, orange, green, pink, purple, lime and grey; no red, as the means are.
_HUES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#6A3D9A", "#A6C000", "#888888")
_NO_CLASS = (0.85, 0.85, 0.85)
_MEAN: dict[str, Any] = {
    "color": "red",
    "markeredgecolor": "white",
    "markersize": 9,
    "linestyle": "",
    "marker": "^",
}


def embedding_figure(
    points: np.ndarray, classes: np.ndarray, class_names: Sequence[str], title: str = ""
) -> "Figure":
    """Draws points in the colours of their classes, and each class's mean (Chen 2018, Fig. 4).

    For what `tsne` gives. The means are red triangles with names. There are 20 colours: with more
    classes they repeat, there is no legend of them, and the figure grows to hold the names.

    Args:
        points: `(n, 2)`.
        classes: `(n,)` indices into `class_names`; -1, no class, is drawn grey.
        class_names: of the classes.
        title: of the figure.

    Raises:
        InputError: points of another shape or not finite, not as many classes, or a class without
            a name.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(10, 2))
        >>> embedding_figure(points, np.arange(10) % 2, ["cat", "dog"]).axes[0].get_xlabel()
        'first axis (no unit)'

    Reference:
        Chen, Ding, Chin, Marculescu, "Understanding the Impact of Label Granularity on CNN-based
        Image Classification", ICDM workshops 2018.
    """
    points, classes = np.asarray(points), np.asarray(classes)
    _check(points, classes, len(class_names))
    palette = _palette()
    colours = np.array([*np.resize(palette, (len(class_names), 3)), _NO_CLASS])
    growth = max(1.0, (len(class_names) / len(palette)) ** 0.5)
    figure = new_figure(height=6 * growth, width=WIDTH * growth)
    axes = figure.add_subplot(aspect="equal")
    # In a fixed random order, so that no class lies on top of the rest.
    order = np.random.default_rng(0).permutation(len(points))
    axes.scatter(
        points[order, 0],
        points[order, 1],
        s=float(np.clip(20_000 / len(points), 2, 20)) * growth,
        c=colours[classes[order]],
        linewidths=0,
        rasterized=True,
    )
    present = np.unique(classes[classes >= 0])
    means = np.array([points[classes == k].mean(0) for k in present]).reshape(-1, 2)
    axes.plot(means[:, 0], means[:, 1], zorder=6, **_MEAN)
    middle = (points.min(0) + points.max(0)) / 2
    reach = 0.54 * np.ptp(points, axis=0).max() or 1.0
    axes.set(xlim=middle[0] + [-reach, reach], ylim=middle[1] + [-reach, reach])
    axes.set(xlabel="first axis (no unit)", ylabel="second axis (no unit)", title=title)
    axes.tick_params(labelbottom=False, labelleft=False, length=0)

    make_handle = import_extra("matplotlib.lines").Line2D
    dot = {"linestyle": "", "marker": "o"}
    handles = [make_handle([], [], label="mean of a class", **_MEAN)]
    if len(class_names) <= len(palette):
        handles += [
            make_handle([], [], **dot, color=colours[k], label=class_names[k]) for k in present
        ]
    if (classes < 0).any():
        handles.append(make_handle([], [], **dot, color=_NO_CLASS, label="(none)"))
    legend = figure.legend(handles=handles, loc="outside right upper", fontsize=8, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    write_names(figure, axes, means, [class_names[k] for k in present])
    return figure


def _palette() -> np.ndarray:
    """`(20, 3)` colours: each hue as it is, then nearer to black, then all but grey to white."""
    hues = import_extra("matplotlib.colors").to_rgba_array(_HUES)[:, :3]
    return np.concatenate([hues, 0.5 * hues, 0.5 + 0.5 * hues[:-1]])


def _check(points: np.ndarray, classes: np.ndarray, num_classes: int) -> None:
    check_some("points", points)
    if points.shape != (len(classes), 2):
        raise InputError(
            f"points has shape {points.shape} and there are {len(classes)} classes, expected "
            "(n, 2) and n."
        )
    if not np.isfinite(points).all():
        raise InputError("points holds numbers that are not finite.")
    if not -1 <= classes.min() <= classes.max() < num_classes:
        raise InputError(
            f"Classes {classes.min()} to {classes.max()} are given, expected -1 (none) to "
            f"{num_classes - 1}."
        )
