"""Who keeps a fine label: counts, nesting, and independence of everything but seed and ids."""

import hashlib
import itertools
import re

import numpy as np
import pytest

from coarse2fine.data import Partition, draw_partition
from coarse2fine.data.partition import check_every_class_labelled, id_hashes, split_ids
from coarse2fine.errors import InputError

SIZES = (1, 2, 3, 7, 1, 40)
PARTS = ("fine_labelled", "coarse_only", "validation")
FRACTIONS = (0.0, 0.01, 0.1, 0.25, 1 / 3, 0.5, 0.7, 0.99, 1.0)


def make_set(sizes=SIZES, num_coarse=2):
    """Labels of so many images a fine class, every other class below coarse class 1."""
    fine = np.repeat(np.arange(len(sizes)), sizes)
    return fine, fine % num_coarse, np.array([f"image_{i}" for i in range(len(fine))])


def draw(*fractions, seed=0, sizes=SIZES, **arguments):
    """Each part as a set of ids."""
    fine, coarse, ids = make_set(sizes)
    partition = draw_partition(fine, coarse, ids, *fractions, seed=seed, **arguments)
    return {part: set(ids[getattr(partition, part)]) for part in PARTS}


def check_refused(message, function, *args):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        function(*args)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fine_fraction", FRACTIONS)
@pytest.mark.parametrize("validation_fraction", [0.0, 0.1, 0.5, 0.999])
def test_parts_are_disjoint_and_hold_their_share_of_every_class(
    seed, fine_fraction, validation_fraction
):
    fine, coarse, ids = make_set()
    for coarse_fraction in (0.0, 0.3 * (1 - fine_fraction), 1 - fine_fraction):
        partition = draw_partition(
            fine, coarse, ids, fine_fraction, coarse_fraction, validation_fraction, seed
        )
        parts = [getattr(partition, part) for part in PARTS]
        everything = np.concatenate(parts)
        assert len(np.unique(everything)) == len(everything)
        assert partition.counts == dict(zip(PARTS, map(len, parts), strict=True))
        labelled, coarse_only, validation = (np.bincount(fine[p], minlength=6) for p in parts)
        sizes = np.array(SIZES)
        budget = labelled + validation
        assert (np.abs(budget - sizes * fine_fraction) < 1).all()
        assert (budget >= sizes * fine_fraction - 1e-6).all(), "S_fine is rounded up"
        assert (np.abs(coarse_only - sizes * coarse_fraction) < 1).all()
        assert (coarse_only <= sizes * coarse_fraction + 1e-6).all(), "S_coarse is rounded down"
        assert (np.abs(validation - budget * validation_fraction) <= 1).all()
        # Validation never takes the only fine-labelled image of a class.
        np.testing.assert_array_equal(labelled > 0, budget > 0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("validation_fraction", [0.0, 0.1, 0.34, 0.9])
def test_larger_fine_fractions_contain_smaller_ones(seed, validation_fraction):
    smaller = draw(0.0, 0.2, validation_fraction, seed=seed)
    for fraction in (0.1, 0.25, 1 / 3, 0.5, 0.7, 0.8):
        larger = draw(fraction, 0.2, validation_fraction, seed=seed)
        assert smaller["fine_labelled"] <= larger["fine_labelled"]
        assert smaller["validation"] <= larger["validation"]
        assert smaller["coarse_only"] == larger["coarse_only"]
        smaller = larger


@pytest.mark.parametrize("seed", range(5))
def test_larger_coarse_fractions_contain_smaller_ones(seed):
    smaller = draw(0.2, 0.0, 0.1, seed=seed)
    for fraction in (0.1, 0.25, 1 / 3, 0.5, 0.7, 0.8):
        larger = draw(0.2, fraction, 0.1, seed=seed)
        assert smaller["coarse_only"] <= larger["coarse_only"]
        for part in ("fine_labelled", "validation"):
            assert smaller[part] == larger[part]
        smaller = larger


@pytest.mark.parametrize("seed", range(5))
def test_validation_comes_out_of_what_would_be_trained_on(seed):
    without = draw(0.5, 0.5, 0.0, seed=seed)
    some = draw(0.5, 0.5, 0.3, seed=seed)
    assert some["fine_labelled"] | some["validation"] == without["fine_labelled"]


def test_validation_holds_its_share_over_many_small_classes():
    # 400 classes of 4 fine-labelled images each: 10 % of 1600, though no class can give .4 images.
    fine, coarse, ids = make_set(sizes=(8,) * 400)
    sizes = [
        draw_partition(fine, coarse, ids, 0.5, 0.5, 0.1, seed).counts["validation"]
        for seed in range(10)
    ]
    # A class gives one image or none, so the standard deviation is sqrt(400 * .4 * .6) = 9.8.
    assert abs(np.mean(sizes) - 160) < 4 * 9.8 / np.sqrt(10)


def test_ranks_are_keyed_hashes_of_the_ids():
    ids = ["a", "", "\u732b\n", np.str_("b")]
    digests = [hashlib.blake2b(i.encode(), digest_size=8, key=b"7").digest() for i in ids]
    expected = [int.from_bytes(digest, "big") for digest in digests]
    for given in (ids, np.array(ids), np.array(ids, object)):
        assert id_hashes(given, "7").tolist() == expected


def test_depends_on_seed_and_ids_and_not_on_the_reading_order():
    fine, coarse, ids = make_set()
    one = draw_partition(fine, coarse, ids, 0.5, 0.5, 0.2, seed=3)
    order = np.random.default_rng(0).permutation(len(ids))
    other = draw_partition(fine[order], coarse[order], ids[order], 0.5, 0.5, 0.2, seed=3)
    for part in PARTS:
        np.testing.assert_array_equal(
            ids[getattr(one, part)], ids[order][getattr(other, part)], err_msg=part
        )
        stored = one.ids(ids)
        named = split_ids(stored[part], stored[f"{part}_ends"])
        assert named == list(ids[getattr(one, part)])


def test_ids_take_the_room_of_their_own_lengths():
    ids = np.array(["a", "\u00e9" * 500, "", *map(str, range(997))], object)
    stored = Partition(np.arange(1000), np.empty(0, np.int64), np.array([1])).ids(ids)
    assert sum(array.nbytes for array in stored.values()) < 20_000
    assert split_ids(stored["fine_labelled"], stored["fine_labelled_ends"]) == list(ids)
    assert split_ids(stored["coarse_only"], stored["coarse_only_ends"]) == []
    assert split_ids(stored["validation"], stored["validation_ends"]) == [ids[1]]


def test_a_class_does_not_depend_on_the_others():
    fine, coarse, ids = make_set()
    whole = draw_partition(fine, coarse, ids, 0.5, 0.5, 0.2, seed=3)
    kept = fine == 5
    alone = draw_partition(fine[kept], coarse[kept], ids[kept], 0.5, 0.5, 0.2, seed=3)
    for part in PARTS:
        members = getattr(whole, part)
        assert list(ids[members[fine[members] == 5]]) == list(ids[kept][getattr(alone, part)])


def test_every_seed_draws_others():
    drawn = {frozenset(draw(0.5, 0.5, 0.0, seed=seed)["fine_labelled"]) for seed in range(20)}
    assert len(drawn) == 20
    # Every image of a class has an even chance: 20 of 40 in each of 200 draws.
    counts = np.zeros(40)
    fine, coarse, ids = make_set(sizes=(40,))
    for seed in range(200):
        counts[draw_partition(fine, coarse, ids, 0.5, 0.5, 0.0, seed).fine_labelled] += 1
    assert counts.sum() == 200 * 20
    assert np.abs(counts - 100).max() < 4.5 * np.sqrt(200 * 0.25)


def test_defaults_are_half_and_half():
    assert draw() == draw(0.5, 0.5, 0.0)


class TestDataFraction:
    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("validation_fraction", [0.0, 0.1, 0.34])
    def test_larger_ones_contain_smaller_ones_part_by_part(self, seed, validation_fraction):
        fractions = (0.01, 0.1, 0.2, 1 / 3, 0.6, 0.99, 1.0)
        drawn = [draw(0.5, 0.4, validation_fraction, seed=seed, data_fraction=f) for f in fractions]
        for smaller, larger in itertools.pairwise(drawn):
            for part in PARTS:
                assert smaller[part] <= larger[part]
        assert drawn[-1] == draw(0.5, 0.4, validation_fraction, seed=seed)

    @pytest.mark.parametrize("data_fraction", [0.2, 0.4, 0.6, 0.8, 1.0])
    def test_takes_its_share_of_every_class_and_part(self, data_fraction):
        fine, coarse, ids = make_set(sizes=(100,) * 6)
        partition = draw_partition(
            fine, coarse, ids, 0.5, 0.3, 0.1, seed=3, data_fraction=data_fraction
        )
        counts = {part: np.bincount(fine[getattr(partition, part)]) for part in PARTS}
        budget = counts["fine_labelled"] + counts["validation"]
        np.testing.assert_array_equal(budget, [round(50 * data_fraction)] * 6)
        np.testing.assert_array_equal(counts["coarse_only"], [round(30 * data_fraction)] * 6)
        assert np.abs(counts["validation"] - 5 * data_fraction).max() <= 1
        assert len(np.unique(np.concatenate([getattr(partition, part) for part in PARTS]))) == (
            round(80 * data_fraction) * 6
        )

    @pytest.mark.parametrize("data_fraction", [1e-6, 0.1, 0.5])
    def test_leaves_no_class_empty_that_had_a_fine_label(self, data_fraction):
        fine, coarse, ids = make_set()
        partition = draw_partition(fine, coarse, ids, 0.1, 0.1, 0.9, 0, data_fraction)
        assert set(fine[partition.fine_labelled]) == set(fine)

    def test_is_a_share_of_both_kinds_of_images_where_the_source_has_two(self):
        of_all = TestCoarseOnlySource()
        partition = draw_partition(of_all.fine, of_all.coarse, of_all.ids, data_fraction=0.5)
        assert list(np.bincount(of_all.fine[partition.fine_labelled])) == [4, 2]
        assert list(np.bincount(of_all.coarse[partition.coarse_only])) == [5, 5]

    @pytest.mark.parametrize("value", [0.0, -0.5, 1.5, float("nan")])
    def test_is_refused_out_of_range(self, value):
        message = f"data_fraction is {value}, expected above 0 and at most 1."
        check_refused(message, lambda: draw(0.5, 0.5, data_fraction=value))


class TestCoarseOnlySource:
    fine = np.array([0] * 8 + [1] * 4 + [-1] * 20)
    coarse = np.array([0] * 12 + [0] * 10 + [1] * 10)
    ids = np.array([f"image_{i}" for i in range(32)])

    def draw(self, *fractions):
        return draw_partition(self.fine, self.coarse, self.ids, *fractions)

    def test_gives_everything_by_default(self):
        partition = self.draw()
        assert sorted(partition.fine_labelled) == list(range(12))
        assert sorted(partition.coarse_only) == list(range(12, 32))

    @pytest.mark.parametrize("coarse_fraction", [0.0, 0.3, 1.0])
    def test_draws_both_parts_apart(self, coarse_fraction):
        partition = self.draw(0.5, coarse_fraction, 0.25)
        assert (self.fine[partition.coarse_only] == -1).all()
        budget = np.concatenate([partition.fine_labelled, partition.validation])
        assert list(np.bincount(self.fine[budget])) == [4, 2]
        expected = [round(10 * coarse_fraction)] * 2
        counts = np.bincount(self.coarse[partition.coarse_only], minlength=2)
        assert list(counts) == expected

    def test_may_use_all_of_both(self):
        assert sum(self.draw(1.0, 1.0).counts.values()) == 32


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ((-0.1, 0.5), "fine_fraction is -0.1, expected a number from 0 to 1."),
        ((1.1, 0.0), "fine_fraction is 1.1, expected a number from 0 to 1."),
        ((float("nan"), 0.0), "fine_fraction is nan, expected a number from 0 to 1."),
        ((0.5, -1), "coarse_fraction is -1, expected a number from 0 to 1."),
        ((0.5, 0.5, -0.5), "validation_fraction is -0.5, expected a number from 0 to 0.999."),
        ((0.5, 0.5, 1), "validation_fraction is 1, expected a number from 0 to 0.999."),
        (
            (0.7, 0.5),
            "fine_fraction 0.7 and coarse_fraction 0.5 sum to 1.2, expected at most 1: S_fine and "
            "S_coarse are disjoint. Lower one of them.",
        ),
    ],
)
def test_refuses_fractions_that_cannot_be_drawn(fractions, message):
    check_refused(message, draw_partition, *make_set(), *fractions)


def test_lists_the_classes_without_a_fine_label():
    names = ("a", "b", "c", "d")
    check_every_class_labelled(np.array([3, 1, 0, 2]), names)
    check_refused(
        "2 of 4 fine classes have no fine-labelled training image: a, c. Raise fine_fraction, "
        "label some, or pass allow_unlabelled_classes to train without.",
        check_every_class_labelled,
        np.array([3, 1, 1]),
        names,
    )
