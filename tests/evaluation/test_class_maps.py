"""Which images are shown, and which maps over them."""

import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("matplotlib", reason="the extra figures is not installed")

from coarse2fine.data import load_source
from coarse2fine.errors import InputError
from coarse2fine.evaluation.chosen import OUTCOMES, choose_images
from coarse2fine.evaluation.class_maps import ClassMap, ImageMaps, class_maps
from coarse2fine.evaluation.decisions import Decisions
from coarse2fine.evaluation.figures import class_maps_figure
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, train
from coarse2fine.training.lit import lit

TAXONOMY = Taxonomy(("a", "b", "c", "d"), ("x", "y"), (0, 0, 1, 1))
TINY = Config(
    dataset="shapes/2x2",
    width=0.05,
    validation_fraction=0.0,
    batch_size=50,
    steps=1,
    schedule="cosine",
    preprocess="standardize",
)


@pytest.fixture(scope="module", params=["mixed", "coarse"])
def run(request, tmp_path_factory):
    return train(TINY.replace(labels=request.param), tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(scope="module")
def source():
    return load_source("shapes/2x2", "test")


def test_the_maps_are_those_of_the_best_classes(run, source):
    indices = np.array([3, 150, 399])
    rows = class_maps(run, source, indices)
    images = run.preprocess(source.images(tf.constant(indices)))
    scores, maps = run.model(images, training=False), run.model.class_maps(images)
    levels = {"fine": ("fine_names", 3), "coarse": ("coarse_names", 2)}
    for place, (row, index) in enumerate(zip(rows, indices, strict=True)):
        np.testing.assert_array_equal(row.image, source[int(index)]["image"])
        assert row.label == source.taxonomy.fine_names[source.fine[index]]
        expected = [
            (level, best)
            for level, (_, count) in levels.items()
            if level in scores
            for best in np.argsort(-scores[level][place], kind="stable")[:count]
        ]
        for level in scores:
            stack = np.float32(maps[level][place])
            shown = [best for each, best in expected if each == level]
            least, greatest = stack[..., shown].min(), stack[..., shown].max()
            shares = tf.nn.softmax(scores[level][place]).numpy()
            label = getattr(source, level)[index]
            found = [each for each in row.maps if each.level == level]
            for each, best in zip(found, shown, strict=True):
                assert each.name == getattr(source.taxonomy, levels[level][0])[best]
                assert each.probability == pytest.approx(shares[best])
                assert each.is_right == (best == label)
                heat = (stack[..., best] - least) / (greatest - least)
                np.testing.assert_allclose(each.heat, heat, atol=1e-5)


def test_an_image_without_a_fine_label_is_named_by_its_coarse_one(source):
    run_source = source.with_fine(np.full(len(source), -1))

    class Model:
        def __call__(self, images, training=False):
            return {"fine": tf.zeros((len(images), 4))}

        def class_maps(self, images, training=False):
            return {"fine": tf.ones((len(images), 2, 2, 4))}

    class Run:
        model, taxonomy, preprocess = Model(), source.taxonomy, staticmethod(lambda images: images)

    (row,) = class_maps(Run, run_source, np.array([0]))
    assert row.label == source.taxonomy.coarse_names[source.coarse[0]]
    assert {each.is_right for each in row.maps} == {None}
    assert all((each.heat == 0).all() for each in row.maps), "all alike"


def test_images_are_of_the_outcome_that_they_are_chosen_for():
    fine = np.array([0, 0, 1, 2, 3, 3, -1])
    best = np.array([0, 1, 3, 2, 0, 2, 2])
    decisions = Decisions(fine, np.array([0, 0, 0, 1, 1, 1, 1]), best, np.zeros(7, int))
    chosen = choose_images(decisions, TAXONOMY, each=10, seed=0)
    assert {kind: numbers.tolist() for kind, numbers in chosen.items()} == {
        "right": [0, 3],
        "a sibling": [1, 5],
        "another parent": [2, 4],
    }
    assert all(len(n) == 1 for n in choose_images(decisions, TAXONOMY, 1, seed=0).values())
    draws = {choose_images(decisions, TAXONOMY, 1, seed)["right"][0] for seed in range(20)}
    assert draws == {0, 3}


def test_without_a_fine_head_images_are_right_or_wrong():
    none = np.full(4, -1)
    decisions = Decisions(none, np.array([0, 0, 1, 1]), none, np.array([0, 1, 1, 1]))
    chosen = choose_images(decisions, TAXONOMY, each=10, seed=0)
    assert {kind: numbers.tolist() for kind, numbers in chosen.items()} == {
        "right": [0, 2, 3],
        "wrong": [1],
    }
    all_right = Decisions(none, np.zeros(4, int), none, np.zeros(4, int))
    assert list(choose_images(all_right, TAXONOMY, 1, 0)) == ["right"]


@pytest.mark.parametrize(
    ("best", "most", "counts"),
    [
        ([0, 1, 2], 4, [2, 1, 1]),
        ([0, 1, 2], 5, [2, 2, 1]),
        ([0, 1, 2], 2, [1, 1]),
        ([0, 2], 5, [3, 2]),
        ([1], 5, [5]),
        ([], 5, []),
    ],
)
def test_the_outcomes_that_there_are_share_the_images(best, most, counts):
    best = np.repeat(np.array(best, int), 9)
    decisions = Decisions(*np.zeros((2, len(best)), int), best, best * 0)
    chosen = choose_images(decisions, TAXONOMY, each=9, seed=0, most=most)
    assert [len(numbers) for numbers in chosen.values()] == counts


def test_each_kind_of_outcome_has_words():
    labels, none = np.array([0, 0, 0]), np.full(3, -1)
    named = Decisions(labels, labels, np.array([0, 1, 2]), none)
    coarse = Decisions(none, labels, none, np.array([0, 1, 1]))
    kinds = [
        kind
        for decisions in (named, coarse)
        for kind in choose_images(decisions, TAXONOMY, each=1, seed=0)
    ]
    assert {*kinds} == {*OUTCOMES}


@pytest.mark.parametrize("channels", [1, 3])
def test_the_figure_has_each_map_over_its_image(channels):
    heat = np.linspace(0, 1, 4).reshape(2, 2)
    maps = (
        ClassMap("fine", "a" * 30, 0.755, True, heat),
        ClassMap("coarse", "x", 0.1, False, heat.T),
    )
    rows = [ImageMaps(np.full((6, 6, channels), shade, np.uint8), "a", maps) for shade in (9, 90)]
    figure = class_maps_figure(rows, "some run")
    panels = np.array(figure.axes).reshape(2, 3)
    assert [panel.get_title() for panel in panels[0]] == [
        "a",
        f"fine: 76%\n{'a' * 17}… ✓",
        "coarse: 10%\nx",
    ]
    for row, panel in zip(rows, panels, strict=True):
        (image,) = panel[0].get_images()
        np.testing.assert_array_equal(image.get_array(), np.full((6, 6, 3), row.image[0, 0, 0]))
        for place, each in zip(panel[1:], maps, strict=True):
            (found,) = place.get_images()
            np.testing.assert_array_equal(found.get_array(), lit(row.image, each.heat))


def test_refuses_to_draw_no_image():
    with pytest.raises(InputError, match=r"^There are no images to draw\.$"):
        class_maps_figure([])
