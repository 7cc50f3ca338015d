"""The figures: what is drawn where, and that it can be read."""

import io
import itertools
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import LogNorm, to_hex
from matplotlib.text import Annotation

from coarse2fine.errors import InputError
from coarse2fine.evaluation import RankCorrelation
from coarse2fine.evaluation.advice import Advice, ClassAdvice, Estimate
from coarse2fine.evaluation.figures import (
    GainPoint,
    Line,
    accuracy_against_fraction,
    accuracy_curves,
    advice_figure,
    confusion_figure,
    embedding_figure,
    gain_against_ratio,
)
from coarse2fine.evaluation.figures._canvas import GREY
from coarse2fine.taxonomy import Taxonomy, cifar10, cifar100

# Siblings are not neighbours here.
PETS = Taxonomy(("siamese", "beagle", "persian", "boxer"), ("cat", "dog"), (0, 1, 0, 1))
PETS_CONFUSION = np.array([[7, 0, 2, 1], [0, 9, 0, 1], [100, 0, 8, 0], [1, 3, 0, 6]])


def random_confusion(taxonomy, seed=0):
    random = np.random.default_rng(seed)
    shape = (taxonomy.num_fine,) * 2
    return random.integers(0, 3, shape) * random.integers(0, 9, shape) + 60 * np.eye(
        taxonomy.num_fine, dtype=int
    )


def curves():
    return [
        Line("fine", [1, 2, 3], training=[0.2, 0.6, 1.0], test=[0.1, 0.5, 0.8]),
        Line("coarse", [1, 2], test=[0.3, 0.4]),
    ]


def gain_points():
    return [
        GainPoint("a", 0.1, 0.5),
        GainPoint("b", 0.3, 2.0, is_published=True),
        GainPoint("c", 0.2, -1.0),
    ]


def points_of_clusters(num_classes, n, seed=0, spread=10.0):
    random = np.random.default_rng(seed)
    classes = random.integers(0, num_classes, n)
    centres = spread * random.normal(size=(num_classes, 2))
    return centres[classes] + random.normal(size=(n, 2)), classes


def make_advice(ratios, gains=(0.01, -0.02, 0.03)):
    """Advice on classes with these ratios, of which None is unknown; the task's own is .2."""

    def estimate(value, width):
        return None if value is None else Estimate(value, value - width, value + width)

    gain = estimate(0.02, 0.01)
    classes = [
        ClassAdvice(name, 100, ratio, gain, measured=None, chance_first=0.5, reason="")
        for name, ratio, gain in zip(
            cifar100().coarse_names,
            (ratio if isinstance(ratio, Estimate) else estimate(ratio, 0.01) for ratio in ratios),
            (estimate(gain, 0.01) for gain in itertools.cycle(gains)),
            strict=False,
        )
    ]
    return Advice(
        name="run",
        noise=0.0,
        num_images=1000,
        ratio=Estimate(0.2, 0.15, 0.24),
        gain=gain,
        classes=tuple(classes),
        num_first=5,
        own=None,
        evidence=(),
        error=0.01,
        measured=(),
    )


ZERO = Estimate(0.0, 0.0, 0.04)


FIGURES = {
    "advice_figure": lambda: advice_figure(make_advice([0.3, ZERO, None]), "title"),
    "accuracy_curves": lambda: accuracy_curves(curves(), "title"),
    "accuracy_against_fraction": lambda: accuracy_against_fraction(
        [Line("fine", [0.5, 1], test=[0.3, 0.4], published=[0.2, 0.5])], "title"
    ),
    "confusion_figure": lambda: confusion_figure(PETS_CONFUSION, PETS, "title"),
    "confusion_figure_cifar100": lambda: confusion_figure(
        random_confusion(cifar100()), cifar100(), "title"
    ),
    "gain_against_ratio": lambda: gain_against_ratio(gain_points(), title="title"),
    "embedding_figure": lambda: embedding_figure(
        *points_of_clusters(20, 300), cifar100().coarse_names, "title"
    ),
}


def legend_labels(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def written_names(axes):
    return [text for text in axes.texts if isinstance(text, Annotation)]


def overlaps(one, other):
    return min(one.x1, other.x1) > max(one.x0, other.x0) and min(one.y1, other.y1) > max(
        one.y0, other.y0
    )


def no_labels_overlap(axis):
    low, high = sorted(axis.get_view_interval())
    ticks = [
        tick
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        if low <= tick.get_loc() <= high
    ]
    boxes = [
        label.get_window_extent()
        for tick in ticks
        for label in (tick.label1, tick.label2)
        if label.get_visible() and label.get_text()
    ]
    return not any(overlaps(*pair) for pair in itertools.combinations(boxes, 2))


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_a_title_and_labelled_axes_and_can_be_written(name):
    figure = FIGURES[name]()
    axes = figure.axes[0]
    assert "title" in (axes.get_title(), figure.get_suptitle())
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    assert picture.getvalue().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_that_is_written_lies_outside_the_paper(name):
    figure = FIGURES[name]()
    figure.draw_without_rendering()
    inside = figure.bbox
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    for box in boxes:
        assert box.x0 >= inside.x0 - 1
        assert box.y0 >= inside.y0 - 1
        assert box.x1 <= inside.x1 + 1
        assert box.y1 <= inside.y1 + 1


@pytest.mark.parametrize("name", FIGURES)
def test_no_two_labels_of_an_axis_overlap(name):
    figure = FIGURES[name]()
    figure.draw_without_rendering()
    for axes, direction in itertools.product(figure.axes, ("xaxis", "yaxis")):
        assert no_labels_overlap(getattr(axes, direction))


@pytest.mark.parametrize("name", FIGURES)
def test_a_legend_hides_no_data(name):
    figure = FIGURES[name]()
    figure.draw_without_rendering()
    for legend in figure.legends:
        assert not overlaps(legend.get_window_extent(), figure.axes[0].get_window_extent())


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_leaves_no_global_state(name):
    before = dict(matplotlib.rcParams)
    FIGURES[name]()
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_without_the_extra_a_figure_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError) as error:
        accuracy_curves(curves())
    assert str(error.value) == "matplotlib is not installed: pip install 'coarse2fine[figures]'."


def test_curves_are_dotted_for_training_solid_for_test_and_of_one_colour_a_run():
    figure = accuracy_curves(curves())
    axes = figure.axes[0]
    drawn = [
        (line.get_linestyle(), list(line.get_xdata()), list(line.get_ydata()))
        for line in axes.lines
    ]
    assert drawn == [
        (":", [1, 2, 3], [20, 60, 100]),
        ("-", [1, 2, 3], [10, 50, 80]),
        ("-", [1, 2], [30, 40]),
    ]
    first, second, third = (line.get_color() for line in axes.lines)
    assert first == second != third
    assert axes.get_xlabel() == "epoch"
    assert legend_labels(figure) == ["fine", "coarse", "training", "test"]


def test_a_kind_of_accuracy_that_no_run_has_is_not_in_the_legend():
    two = accuracy_curves([Line("a", [1, 2], test=[0.3, 0.4])])
    assert legend_labels(two) == ["a", "test"]
    assert all(tick == round(tick) for tick in two.axes[0].get_xticks())  # Epochs are whole.


def test_fractions_are_shares_in_percent_with_published_values_hollow():
    given = [
        Line("fine", [0.2, 1], training=[1, 1], test=[0.6, 0.8], published=[0.5, 0.7]),
        Line("coarse", [0.2, 1], test=[0.5, 0.7]),
    ]
    figure = accuracy_against_fraction(given)
    lines = figure.axes[0].lines
    assert [list(line.get_ydata()) for line in lines] == [[100, 100], [60, 80], [50, 70], [50, 70]]
    assert all(list(line.get_xdata()) == [20, 100] for line in lines)
    assert [line.get_linestyle() for line in lines] == [":", "-", "None", "-"]
    assert [line.get_markerfacecolor() == "none" for line in lines] == [False, False, True, False]
    assert lines[2].get_color() == lines[1].get_color() != lines[3].get_color()
    assert legend_labels(figure) == ["fine", "coarse", "training", "test", "published"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "There are no lines to draw."),
        (
            [Line(str(k), [1], test=[0.5]) for k in range(8)],
            "8 lines, expected 7 at most, one a colour.",
        ),
        ([Line("a", [1])], "'a' has neither training nor test accuracies to draw."),
        (
            [Line("a", [1, 2], test=[0.5])],
            "The test accuracies of 'a' have shape (1,), expected (2,).",
        ),
        (
            [Line("a", [1, 2], training=[0.5, 85.05])],
            "The training accuracies of 'a' hold 85.05, expected fractions from 0 to 1.",
        ),
        (
            [Line("a", [1], test=[float("nan")])],
            "The test accuracies of 'a' hold nan, expected fractions from 0 to 1.",
        ),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused(given, message):
    with pytest.raises(InputError) as error:
        accuracy_curves(given)
    assert str(error.value) == message


def test_published_values_are_checked_as_the_others():
    with pytest.raises(InputError) as error:
        accuracy_against_fraction([Line("a", [1], test=[0.5], published=[85.05])])
    assert str(error.value) == (
        "The published accuracies of 'a' hold 85.05, expected fractions from 0 to 1."
    )


def test_confusions_stand_siblings_side_by_side_with_the_diagonal_apart():
    figure = confusion_figure(PETS_CONFUSION, PETS)
    axes = figure.axes[0]
    wrong, right = (image.get_array() for image in axes.images)
    # In the order siamese, persian, beagle, boxer.
    expected = [[0, 2, 0, 1], [100, 0, 0, 0], [0, 0, 0, 1], [1, 0, 3, 0]]
    np.testing.assert_array_equal(wrong.filled(0), expected)
    np.testing.assert_array_equal(wrong.mask, np.equal(expected, 0))
    np.testing.assert_array_equal(~right.mask, np.eye(4, dtype=bool))
    for axis in (axes.xaxis, axes.yaxis):
        names = [label.get_text() for label in axis.get_ticklabels()]
        assert names == ["siamese", "persian", "beagle", "boxer"]
    numbers = {
        (text.get_position()[1], text.get_position()[0]): text.get_text() for text in axes.texts
    }
    order = [0, 2, 1, 3]
    assert numbers == {
        (row, column): str(PETS_CONFUSION[order[row], order[column]])
        for row, column in itertools.product(range(4), repeat=2)
        if PETS_CONFUSION[order[row], order[column]]
    }


def test_the_scale_of_confusions_is_logarithmic_and_the_diagonal_has_no_part_in_it():
    confusion = random_confusion(cifar100())
    norms = [
        confusion_figure(confusion + add * np.eye(100, dtype=int), cifar100())
        .axes[0]
        .images[0]
        .norm
        for add in (0, 10_000)
    ]
    most = (confusion * (1 - np.eye(100))).max()
    for norm in norms:
        assert isinstance(norm, LogNorm)
        assert (norm.vmin, norm.vmax) == (1, most)


def test_a_hundred_classes_show_their_coarse_names_on_both_axes():
    taxonomy = cifar100()
    figure = confusion_figure(random_confusion(taxonomy), taxonomy)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    for axis in (axes.xaxis, axes.yaxis):
        labels = axis.get_ticklabels()
        assert tuple(label.get_text() for label in labels) == taxonomy.coarse_names
        # Five classes each: the middle of the first lies at the third.
        np.testing.assert_array_equal(axis.get_ticklocs(), 2 + 5 * np.arange(20))
        boxes = [label.get_window_extent() for label in labels]
        assert not any(overlaps(*pair) for pair in itertools.pairwise(boxes))


def test_up_to_25_classes_the_coarse_names_stand_on_the_other_sides():
    figure = confusion_figure(random_confusion(cifar10()), cifar10())
    top, right = figure.axes[0].child_axes
    for axis in (top.xaxis, right.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == ["animal", "vehicle"]


def test_a_frame_is_around_the_confusions_of_siblings():
    first, second = confusion_figure(PETS_CONFUSION, PETS).axes[0].lines
    assert (first.get_xdata().min(), first.get_xdata().max()) == (-0.5, 1.5)
    assert (second.get_ydata().min(), second.get_ydata().max()) == (1.5, 3.5)


def test_the_order_of_the_classes_decides_nothing_but_that_of_siblings():
    order = np.random.default_rng(0).permutation(100)
    taxonomy = cifar100()
    shuffled = Taxonomy(
        [taxonomy.fine_names[f] for f in order],
        taxonomy.coarse_names,
        [taxonomy.parent[f] for f in order],
    )
    confusion = random_confusion(taxonomy)
    first, second = (
        confusion_figure(matrix, classes).axes[0].images[0].get_array().filled(0)
        for matrix, classes in ((confusion, taxonomy), (confusion[np.ix_(order, order)], shuffled))
    )
    blocks = first.reshape(20, 5, 20, 5).sum((1, 3)), second.reshape(20, 5, 20, 5).sum((1, 3))
    np.testing.assert_array_equal(*blocks)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    "confusion", [np.zeros((4, 4)), 5 * np.eye(4), np.ones((4, 4))], ids=["none", "right", "ones"]
)
def test_confusions_that_are_all_equal_are_drawn(confusion):
    confusion_figure(confusion, PETS).draw_without_rendering()


def test_names_that_look_like_formulas_are_written_as_they_are():
    names = ("$a_{", "b$", "c$d$e")
    taxonomy = Taxonomy(names, names, (0, 1, 2))
    confusion_figure(np.eye(3), taxonomy).draw_without_rendering()
    figure = embedding_figure(np.eye(3, 2), np.arange(3), names)
    figure.draw_without_rendering()
    assert [text.get_text() for text in written_names(figure.axes[0])] == list(names)


@pytest.mark.parametrize(
    ("confusion", "message"),
    [
        (
            np.zeros((3, 4)),
            "confusion has shape (3, 4), expected (4, 4): one row and one column a fine class.",
        ),
        (np.full((4, 4), -1), "confusion holds -1, expected counts from 0 on."),
        (np.full((4, 4), np.nan), "confusion holds nan, expected counts from 0 on."),
    ],
)
def test_a_matrix_that_is_no_confusion_matrix_is_refused(confusion, message):
    with pytest.raises(InputError) as error:
        confusion_figure(confusion, PETS)
    assert str(error.value) == message


def test_measured_gains_are_filled_and_published_ones_hollow():
    axes = gain_against_ratio(gain_points()).axes[0]
    measured, published = (line for line in axes.lines if line.get_marker() in ("o", "D"))
    np.testing.assert_array_equal(measured.get_xydata(), [[0.1, 0.5], [0.2, -1.0]])
    np.testing.assert_array_equal(published.get_xydata(), [[0.3, 2.0]])
    assert published.get_markerfacecolor() == "none" != measured.get_markerfacecolor()
    assert measured.get_color() != published.get_color()
    assert [text.get_text() for text in written_names(axes)] == ["a", "b", "c"]
    # A name has the colour of its point.
    colours = [text.get_color() for text in written_names(axes)]
    assert colours == [measured.get_color(), published.get_color(), measured.get_color()]


def test_the_legend_states_each_rank_correlation_with_its_interval():
    figure = gain_against_ratio(
        gain_points(), RankCorrelation(0.8765, 0.4321, 0.9951, 7), RankCorrelation(1, -0.5, 1, 3)
    )
    assert legend_labels(figure) == [
        "measured: Spearman's rank correlation 0.88 (95 % 0.43 to 1.00, n = 7)",
        "published: Spearman's rank correlation 1.00 (95 % -0.50 to 1.00, n = 3)",
    ]


def test_without_published_points_the_legend_has_none():
    assert legend_labels(gain_against_ratio([GainPoint("a", 0.1, 0.5)])) == ["measured"]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([], "There are no points to draw."),
        (
            [GainPoint("a", float("nan"), 1.0)],
            "Point 'a' has ratio nan and gain 1.0, expected finite numbers.",
        ),
    ],
)
def test_gains_that_cannot_be_drawn_are_refused(points, message):
    with pytest.raises(InputError) as error:
        gain_against_ratio(points)
    assert str(error.value) == message


def advice_rows(axes):
    """What is drawn in each row: `(marker, value, low, high)`, or a text."""
    rows = {text.get_position()[1]: text.get_text() for text in axes.texts}
    lines = [line for line in axes.lines if line.get_color() != GREY]
    for bar, point in zip(lines[::2], lines[1::2], strict=True):
        (value,), (row,) = point.get_data()
        rows[row] = (point.get_marker(), value, *bar.get_xdata())
    return [rows[row] for row in sorted(rows)]


def test_advice_has_a_row_for_the_task_and_each_class_in_the_order_that_was_given():
    figure = advice_figure(make_advice([0.3, None, 0.1], gains=(0.01, None, -0.02)))
    left, right = figure.axes
    names = [label.get_text() for label in left.get_yticklabels()]
    assert names == ["all classes", *cifar100().coarse_names[:3]]
    bottom, top = left.get_ylim()
    assert bottom > top, "the first row is the uppermost"
    ratios, gains = advice_rows(left), advice_rows(right)
    assert ratios[2] == gains[2] == "cannot tell"
    for rows, expected in (
        (ratios, [(0.2, 0.15, 0.24), (0.3, 0.29, 0.31), (0.1, 0.09, 0.11)]),
        (gains, [(2, 1, 3), (1, 0, 2), (-2, -3, -1)]),
    ):
        drawn = [row for row in rows if row != "cannot tell"]
        assert [marker for marker, *_ in drawn] == ["o"] * 3
        np.testing.assert_allclose([numbers for _, *numbers in drawn], expected, atol=1e-12)


def test_a_ratio_of_zero_is_an_arrowhead_at_the_left_end():
    axes = advice_figure(make_advice([0.3, ZERO, Estimate(0.1, 0.0, 0.2)])).axes[0]
    left = axes.get_xlim()[0]
    rows = advice_rows(axes)
    assert rows[2] == ("<", left, left, 0.04)
    assert rows[3] == ("o", 0.1, left, 0.2), "an interval from 0 on begins there too"
    assert 0 < left < 0.04
    assert axes.get_xlabel() == "average confusion ratio (arrowhead: 0)"
    without = advice_figure(make_advice([0.3])).axes[0]
    assert without.get_xlabel() == "average confusion ratio (no unit)"


@pytest.mark.parametrize("ratios", [[None, None], [ZERO, ZERO], []])
def test_advice_without_a_ratio_above_zero_for_any_class_is_drawn(ratios):
    figure = advice_figure(make_advice(ratios, gains=(None,)))
    figure.draw_without_rendering()
    assert len(advice_rows(figure.axes[0])) == len(advice_rows(figure.axes[1])) == 1 + len(ratios)


@pytest.mark.parametrize(
    ("least", "greatest", "labels"),
    [
        (0.16, 0.22, ["0.1", "0.2", "0.5"]),
        (0.011, 0.3, ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5"]),
        (0.06, 1.9, ["0.05", "0.1", "0.2", "0.5", "1", "2"]),
        (0.0002, 1.0, ["0.0001", "0.001", "0.01", "0.1", "1", "10"]),
        (0.0004, 30.0, ["0.0001", "0.001", "0.01", "0.1", "1", "10", "100"]),
    ],
)
def test_the_scale_of_ratios_is_labelled_at_1_2_and_5_or_by_decades(least, greatest, labels):
    middle = (least * greatest) ** 0.5
    figure = advice_figure(make_advice([Estimate(middle, least, greatest)]))
    figure.draw_without_rendering()
    axis = figure.axes[0].xaxis
    assert [label.get_text() for label in axis.get_ticklabels(which="both")] == labels
    assert no_labels_overlap(axis)
    left, right = figure.axes[0].get_xlim()
    assert left < least < greatest < right


def test_each_class_has_a_colour_and_a_mean_with_its_name():
    points, classes = points_of_clusters(4, 50)
    names = ["a", "b", "c", "d"]
    figure = embedding_figure(points, classes, names)
    axes = figure.axes[0]
    (scatter,) = axes.collections
    drawn = {
        tuple(place): to_hex(colour)
        for place, colour in zip(scatter.get_offsets(), scatter.get_facecolors(), strict=True)
    }
    assert set(drawn) == set(map(tuple, points))
    legend = {
        handle.get_label(): to_hex(handle.get_color())
        for handle in figure.legends[0].legend_handles
        if handle.get_label() in names
    }
    assert len(set(legend.values())) == 4
    for point, k in zip(points, classes, strict=True):
        assert drawn[tuple(point)] == legend[names[k]]
    means = next(line for line in axes.lines if line.get_marker() == "^")
    expected = [points[classes == k].mean(0) for k in range(4)]
    np.testing.assert_allclose(means.get_xydata(), expected)
    assert means.get_color() == "red"
    for text, name, mean in zip(written_names(axes), names, expected, strict=True):
        assert text.get_text() == name
        np.testing.assert_allclose(text.xy, mean)


def test_points_without_a_class_are_grey_and_have_no_mean():
    points, _ = points_of_clusters(1, 6)
    figure = embedding_figure(points, np.array([0, 2, 0, -1, -1, 2]), ["a", "b", "c"])
    assert legend_labels(figure) == ["mean of a class", "a", "c", "(none)"]
    assert [text.get_text() for text in written_names(figure.axes[0])] == ["a", "c"]
    colours = figure.axes[0].collections[0].get_facecolors()
    is_grey = np.ptp(colours[:, :3], axis=1) == 0
    assert is_grey.sum() == 2


def test_one_point_is_drawn():
    embedding_figure(np.zeros((1, 2)), np.array([0]), ["a"]).draw_without_rendering()


def test_more_classes_than_colours_have_no_legend_of_colours():
    points, classes = points_of_clusters(21, 400)
    figure = embedding_figure(points, classes, [f"class {k}" for k in range(21)])
    assert legend_labels(figure) == ["mean of a class"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("spread", [10.0, 0.3])
def test_names_hide_neither_each_other_nor_a_mean(seed, spread):
    """With a small spread the means lie on a heap in the middle."""
    points, classes = points_of_clusters(20, 400, seed, spread)
    figure = embedding_figure(points, classes, cifar100().coarse_names)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in written_names(axes)]
    assert not any(overlaps(*pair) for pair in itertools.combinations(boxes, 2))
    inside = axes.get_window_extent()
    assert all(
        box.x0 >= inside.x0 and box.x1 <= inside.x1 and box.y0 >= inside.y0 and box.y1 <= inside.y1
        for box in boxes
    )
    for text in written_names(axes):
        for box in boxes:
            assert not box.contains(*axes.transData.transform(text.xy))


@pytest.mark.parametrize(
    ("points", "classes", "message"),
    [
        (np.zeros((0, 2)), [], "There are no points to draw."),
        (
            np.zeros((3, 3)),
            [0, 0, 0],
            "points has shape (3, 3) and there are 3 classes, expected (n, 2) and n.",
        ),
        (
            np.zeros((3, 2)),
            [0, 0],
            "points has shape (3, 2) and there are 2 classes, expected (n, 2) and n.",
        ),
        (np.full((1, 2), np.inf), [0], "points holds numbers that are not finite."),
        (np.zeros((2, 2)), [-1, 2], "Classes -1 to 2 are given, expected -1 (none) to 1."),
    ],
)
def test_points_that_cannot_be_drawn_are_refused(points, classes, message):
    with pytest.raises(InputError) as error:
        embedding_figure(points, np.array(classes, int), ["a", "b"])
    assert str(error.value) == message
