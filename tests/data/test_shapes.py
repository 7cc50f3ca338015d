"""The drawings of `shapes`: pure in (seed, id, class), and as many classes as their names say."""

import itertools
import re

import numpy as np
import pytest

from coarse2fine.data.shapes import (
    DETAILS,
    MAX_COARSE,
    MAX_FINE_EACH,
    SILHOUETTES,
    Difficulty,
    class_names,
    draw,
    parse_name,
)
from coarse2fine.errors import InputError

LIMITS = (
    "2 to 8 coarse classes of 2 to 10 fine ones each can be drawn, as in shapes/2x10; "
    "shapes alone is shapes/5x5."
)
# Nothing but the class itself: one size, upright, in the middle, in colours that differ well.
CLEAR = Difficulty(
    radius=(11, 11),
    shift=0,
    turn=0,
    stretch=0,
    twist=0,
    wander=0,
    shape_contrast=0.3,
    detail_contrast=(0.4, 0.4),
    colour=0,
    light=0,
    texture=0,
    clutter=0,
    occlusion=0,
    blur=0,
    noise=0,
)


def draw_every_class(image_id, seed=100, difficulty=None):
    """One image of each class that can be drawn, all with one id."""
    fine = np.arange(MAX_COARSE * MAX_FINE_EACH)
    return draw(fine, np.full_like(fine, image_id), seed, MAX_FINE_EACH, difficulty)


class TestDraw:
    def test_gives_colour_images_of_bytes(self):
        images = draw([0, 24, 7], [5, 6, 7], seed=100, num_fine_each=5)
        assert images.shape == (3, 32, 32, 3)
        assert images.dtype == np.uint8

    def test_of_nothing_is_empty(self):
        assert draw([], [], seed=100, num_fine_each=5).shape == (0, 32, 32, 3)

    @pytest.mark.parametrize("num_fine_each", [2, 5, 10])
    def test_subset_in_any_order_gives_the_same_pixels(self, num_fine_each):
        rng = np.random.default_rng(100)
        fine = rng.integers(0, MAX_COARSE * num_fine_each, 200)
        ids = rng.permutation(10_000)[:200]
        images = draw(fine, ids, 101, num_fine_each)
        for size in (1, 3, 63, 64, 65, 130, 200):
            some = rng.permutation(200)[:size]
            again = draw(fine[some], ids[some], 101, num_fine_each)
            np.testing.assert_array_equal(again, images[some])

    def test_every_id_gives_another_image(self):
        images = draw(np.zeros(500, int), np.arange(500), 100, 5).reshape(500, -1)
        assert len(np.unique(images, axis=0)) == 500

    def test_every_seed_gives_another_image(self):
        images = np.stack([draw([3], [7], seed, 5)[0] for seed in (100, 101, 102, -1, 2**70)])
        for one, other in itertools.combinations(images.astype(int), 2):
            assert np.abs(one - other).mean() > 10

    def test_ids_and_seeds_are_not_interchangeable(self):
        assert (draw([0], [101], 100, 5) != draw([0], [100], 101, 5)).any()

    def test_one_id_gives_siblings_the_same_surroundings(self):
        images = draw_every_class(9, difficulty=Difficulty(radius=(8, 8), shift=0))
        # The longest point of a star ends 8 * 1.15 * 1.15 pixels from the centre: no corner is hit.
        for row, column in [(0, 0), (0, -1), (-1, 0), (-1, -1)]:
            assert len(np.unique(images[:, row, column], axis=0)) == 1

    @pytest.mark.parametrize("image_id", range(3))
    def test_every_class_is_distinct_without_nuisance(self, image_id):
        images = draw_every_class(image_id, difficulty=CLEAR).astype(int)
        for one, other in itertools.combinations(images, 2):
            visibly_different = np.abs(one - other).max(axis=-1) > 40
            assert visibly_different.sum() >= 20

    def test_same_detail_looks_the_same_in_every_run_of_classes(self):
        # The fourth detail of the third silhouette, whether of 5 or of 10 fine classes each.
        np.testing.assert_array_equal(
            draw([2 * 5 + 3], [4], 100, 5), draw([2 * 10 + 3], [4], 100, 10)
        )

    def test_colours_give_no_class_away(self):
        # Means over many images of two classes differ by no more than chance and area explain.
        fine = np.repeat(np.arange(25), 200)
        images = draw(fine, np.arange(len(fine)), 100, 5)
        means = images.reshape(25, -1, 3).mean(axis=1)
        assert np.ptp(means, axis=0).max() < 25

    def test_whole_range_of_brightness_is_used(self):
        images = draw(np.arange(200) % 25, np.arange(200), 100, 5)
        assert images.min() == 0
        assert images.max() == 255
        assert 0.01 < np.isin(images, [0, 255]).mean() < 0.25

    @pytest.mark.parametrize(
        ("fine", "message"),
        [
            (
                [3, 40],
                "Fine classes 3 to 40 are asked for; with 5 in each coarse class they run from "
                "0 to 39.",
            ),
            (
                [-1, 2],
                "Fine classes -1 to 2 are asked for; with 5 in each coarse class they run from "
                "0 to 39.",
            ),
            ([1], "Expected one fine class for each id, got shapes (1,) and (2,)."),
        ],
    )
    def test_refuses_classes_it_cannot_draw(self, fine, message):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            draw(fine, [0, 1], 100, 5)


class TestClassNames:
    def test_names_the_default_set(self):
        coarse, fine, parent = class_names(5, 5)
        assert coarse == ("disk", "square", "triangle", "star", "cross")
        assert fine[:6] == (
            "striped disk",
            "dotted disk",
            "checked disk",
            "ringed disk",
            "cored disk",
            "striped square",
        )
        assert parent[:6] == (0, 0, 0, 0, 0, 1)

    @pytest.mark.parametrize(("num_coarse", "num_fine_each"), [(2, 2), (2, 10), (5, 5), (8, 10)])
    def test_are_unique_and_balanced(self, num_coarse, num_fine_each):
        coarse, fine, parent = class_names(num_coarse, num_fine_each)
        assert len(set(coarse)) == len(coarse) == num_coarse
        assert len(set(fine)) == len(fine) == len(parent) == num_coarse * num_fine_each
        assert np.bincount(parent).tolist() == [num_fine_each] * num_coarse
        for name, k in zip(fine, parent, strict=True):
            detail, silhouette = name.split(" ")
            assert detail in DETAILS
            assert silhouette == coarse[k]

    def test_every_silhouette_and_detail_can_be_asked_for(self):
        assert len(SILHOUETTES) == MAX_COARSE == 8
        assert len(DETAILS) == MAX_FINE_EACH == 10

    def test_refuses_more_than_can_be_drawn(self):
        message = f"shapes cannot have 3 coarse classes of 11: {LIMITS}"
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            class_names(3, 11)


class TestParseName:
    @pytest.mark.parametrize(
        ("name", "counts"),
        [("shapes", (5, 5)), ("shapes/2x10", (2, 10)), ("shapes/8x2", (8, 2))],
    )
    def test_reads_both_counts(self, name, counts):
        assert parse_name(name) == counts

    @pytest.mark.parametrize(
        "name", ["shape", "shapes/", "shapes/5", "shapes/2x", "shapes/-2x5", "shapes/2x10 ", ""]
    )
    def test_refuses_other_names(self, name):
        with pytest.raises(
            InputError, match=f"^{re.escape(f'Unknown data set {name!r}: {LIMITS}')}$"
        ):
            parse_name(name)

    @pytest.mark.parametrize(("num_coarse", "num_fine_each"), [(1, 5), (9, 5), (5, 1), (5, 11)])
    def test_refuses_counts_beyond_what_can_be_drawn(self, num_coarse, num_fine_each):
        message = f"shapes cannot have {num_coarse} coarse classes of {num_fine_each}: {LIMITS}"
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            parse_name(f"shapes/{num_coarse}x{num_fine_each}")
