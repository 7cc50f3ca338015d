"""Which image stands where: ratio, order and random numbers as pure functions of the place."""

import itertools
import re

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import Schedule, schedule
from coarse2fine.errors import InputError

# (fine-labelled, coarse-only, batch)
CASES = [(2, 4, 3), (25, 25, 16), (7, 93, 15), (250, 37, 8), (1, 1, 2), (10, 0, 4), (0, 10, 4)]


def places(start, stop):
    return tf.range(start, stop, dtype=tf.int64)


def images(drawn, start, stop):
    index, has_fine = drawn.images(places(start, stop))
    return index.numpy(), has_fine.numpy()


def permutation(size, seed=0, number=0):
    """The order of one stream's pass, as a run would see it."""
    return images(Schedule(size, 0, 1, seed), number * size, (number + 1) * size)[0]


def neighbour_correlation(order):
    """Of consecutive elements, in standard errors of independent ones."""
    return np.corrcoef(order[:-1], order[1:])[0, 1] * np.sqrt(len(order) - 1)


@pytest.mark.parametrize(("num_fine", "num_coarse", "batch"), CASES)
class TestRatio:
    def test_holds_within_one_image_in_every_run_of_places(self, num_fine, num_coarse, batch):
        drawn = Schedule(num_fine, num_coarse, batch, seed=0)
        _, has_fine = images(drawn, 0, 20 * batch)
        ratio = num_fine / (num_fine + num_coarse)
        # Prefixes, batches and the contiguous slice of any replica are all runs of places.
        counts = np.concatenate([[0], np.cumsum(has_fine)])
        for length in {1, 2, batch // 2, batch, 3 * batch, 20 * batch}:
            held = counts[length:] - counts[: len(counts) - length]
            assert held.min() >= np.floor(length * ratio - 1e-9)
            assert held.max() <= np.ceil(length * ratio + 1e-9)

    def test_is_exact_over_a_pass(self, num_fine, num_coarse, batch):
        drawn = Schedule(num_fine, num_coarse, batch, seed=0)
        total = num_fine + num_coarse
        for number in range(3):
            _, has_fine = images(drawn, number * total, (number + 1) * total)
            assert has_fine.sum() == num_fine

    def test_every_image_stands_once_in_each_pass_of_its_stream(self, num_fine, num_coarse, batch):
        drawn = Schedule(num_fine, num_coarse, batch, seed=5)
        total = num_fine + num_coarse
        index, has_fine = images(drawn, 0, 3 * total)
        for stream, first, size in ((1, 0, num_fine), (0, num_fine, num_coarse)):
            shown = index[has_fine == stream].reshape(3, size)
            np.testing.assert_array_equal(np.sort(shown), [range(first, first + size)] * 3)

    def test_a_step_alone_equals_the_step_in_sequence(self, num_fine, num_coarse, batch):
        drawn = Schedule(num_fine, num_coarse, batch, seed=2)
        sequence, sequence_fine = images(drawn, 0, 12 * batch)
        function = tf.function(lambda step: drawn.images(drawn.places(step)))
        for step in (0, 5, 11):
            index, has_fine = function(tf.constant(step, tf.int64))
            np.testing.assert_array_equal(index, sequence[step * batch : (step + 1) * batch])
            np.testing.assert_array_equal(
                has_fine, sequence_fine[step * batch : (step + 1) * batch]
            )


def test_ratio_holds_far_into_a_run():
    # 10**9 steps of 1000 images: 64-bit integers, nothing that sums up rounding.
    drawn = Schedule(333, 667, 1000, seed=0)
    _, has_fine = images(drawn, 10**12, 10**12 + 1000)
    assert has_fine.sum() == 333


def test_streams_are_dealt_as_the_docstring_says():
    drawn = Schedule(2, 4, 3, seed=0)
    _, has_fine = images(drawn, 0, 9)
    np.testing.assert_array_equal(has_fine, [0, 0, 1] * 3)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.8])
class TestCoarseShare:
    def test_holds_within_one_image_in_every_run_of_places(self, share):
        _, has_fine = images(Schedule(20, 30, 10, 0, coarse_share=share), 0, 1000)
        counts = np.concatenate([[0], np.cumsum(1 - has_fine)])
        for length in (1, 7, 10, 100, 1000):
            held = counts[length:] - counts[: len(counts) - length]
            assert held.min() >= np.floor(length * share - 1e-6)
            assert held.max() <= np.ceil(length * share + 1e-6)
        # What is a whole number is that also where no binary fraction is.
        assert has_fine[:10].sum() == round(10 * (1 - share))

    def test_every_image_stands_once_in_each_pass_of_its_stream(self, share):
        index, has_fine = images(Schedule(20, 30, 10, 0, coarse_share=share), 0, 1000)
        for stream, first, size in ((1, 0, 20), (0, 20, 30)):
            shown = index[has_fine == stream]
            shown = shown[: len(shown) // size * size].reshape(-1, size)
            whole = np.tile(np.arange(first, first + size), (len(shown), 1))
            np.testing.assert_array_equal(np.sort(shown), whole)

    @pytest.mark.parametrize("final", [0.0, 0.9])
    def test_that_changes_does_so_on_a_straight_line_and_stays_at_its_end(self, share, final):
        drawn = Schedule(
            20, 30, 10, 0, coarse_share=share, final_coarse_share=final, last_place=10_000
        )
        index, has_fine = images(drawn, 0, 15_000)
        held = (1 - has_fine).reshape(-1, 500).mean(1)
        middle = np.minimum((np.arange(30) + 0.5) / 20, 1)
        middle = np.where(np.arange(30) < 20, middle, 1)
        np.testing.assert_allclose(held, share + (final - share) * middle, atol=2 / 500)
        # Each stream still goes through its images in whole passes.
        fine = index[has_fine == 1]
        fine = fine[: len(fine) // 20 * 20].reshape(-1, 20)
        np.testing.assert_array_equal(np.sort(fine), [range(20)] * len(fine))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (0, 10, 8, 0, 0.5),
            "coarse_share is 0.5, and there is no fine-labelled image. Leave it out, or raise "
            "fine_fraction.",
        ),
        (
            (10, 0, 8, 0, 0.5),
            "coarse_share is 0.5, and there is no coarse-only image. Leave it out, or raise "
            "coarse_fraction.",
        ),
        (
            (10, 10, 8, 0, 0.1),
            "A batch of 8 is too small for coarse_share 0.1: some batches would hold none of one "
            "kind. Use batch_size >= 10.",
        ),
        ((10, 10, 8, 0, 1.0), "coarse_share is 1.0, expected 0 or more and below 1."),
        ((10, 10, 8, 0, 0.5, -1.0), "final_coarse_share is -1.0, expected 0 or more and below 1."),
        (
            (10, 0, 8, 0, 0.0, 0.5),
            "final_coarse_share is 0.5, and there is no coarse-only image. Leave it out, or raise "
            "coarse_fraction.",
        ),
        ((10, 10, 8, 0, None, 0.5), "final_coarse_share is given without coarse_share."),
        ((10, 10, 8, 0, 0.5, 0.5), "last_place is 0, expected 1 or more."),
    ],
)
def test_a_share_that_no_batch_can_have_is_refused(arguments, message):
    with pytest.raises(InputError) as error:
        Schedule(*arguments)
    assert str(error.value) == message


@pytest.mark.parametrize(("share", "batch"), [(0.9, 10), (0.8, 5), (0.1, 10), (0.5, 2)])
def test_the_smallest_batch_of_a_share_holds_one_of_a_kind(share, batch):
    drawn = Schedule(10, 10, batch, 0, coarse_share=share)
    assert drawn.smallest_batch == batch
    held = images(drawn, 0, 1000 * batch)[1].reshape(1000, batch).sum(1)
    np.testing.assert_array_equal(held, round(batch * (1 - share)))


def test_a_share_of_none_needs_no_coarse_only_image():
    assert images(Schedule(10, 0, 8, 0, coarse_share=0.0), 0, 100)[1].all()


class TestShuffling:
    def test_orders_of_other_passes_and_seeds_differ(self):
        orders = [permutation(300, seed, n) for seed in range(8) for n in range(8)]
        for one, other in itertools.combinations(orders, 2):
            # Equal places of two random orders: one expected, Poisson distributed.
            assert (one == other).sum() < 12

    def test_orders_of_both_streams_differ(self):
        index, has_fine = images(Schedule(300, 300, 2, seed=0), 0, 600)
        assert (index[has_fine == 1] == index[has_fine == 0] - 300).sum() < 12

    @pytest.mark.parametrize("size", [300, 22_500])
    def test_neighbours_are_uncorrelated(self, size):
        measured = [neighbour_correlation(permutation(size, seed)) for seed in range(10)]
        assert np.abs(measured).max() < 4
        assert abs(np.mean(measured)) < 4 / np.sqrt(10)

    def test_four_rounds_would_leave_neighbours_correlated(self, monkeypatch):
        monkeypatch.setattr(schedule, "_ROUNDS", 4)
        measured = [neighbour_correlation(permutation(22_500, seed)) for seed in range(10)]
        assert np.abs(measured).max() > 8

    def test_every_image_may_stand_everywhere(self):
        # Where image 0 stands, over 300 passes of 10 images: 30 times at each place.
        orders = images(Schedule(10, 0, 1, seed=0), 0, 3000)[0].reshape(300, 10)
        counts = np.bincount(np.argmin(orders, axis=1), minlength=10)
        assert np.abs(counts - 30).max() < 4.5 * np.sqrt(300 * 0.09)


class TestRandomIntegers:
    drawn = Schedule(10, 10, 4, seed=0)

    def integers(self, draw, count, stop=20_000, seed=0):
        numbers = Schedule(10, 10, 4, seed).random_integers(places(0, stop), draw, count)
        return numbers.numpy()

    @pytest.mark.parametrize("count", [2, 9, 100])
    def test_are_even(self, count):
        counts = np.bincount(self.integers(0, count), minlength=count)
        assert len(counts) == count
        deviation = np.sqrt(20_000 / count * (1 - 1 / count))
        assert np.abs(counts - 20_000 / count).max() < 4.5 * deviation

    def test_are_independent_between_draws_places_and_seeds(self):
        numbers = self.integers(0, 1000)
        others = {
            "draw": self.integers(1, 1000),
            "draw after": self.integers(2, 1000),
            "place": np.roll(numbers, 1),
            "place after": np.roll(numbers, 2),
            "seed": self.integers(0, 1000, seed=1),
        }
        for name, other in others.items():
            correlation = np.corrcoef(numbers, other)[0, 1] * np.sqrt(20_000)
            assert abs(correlation) < 4.5, name

    def test_pairs_of_draws_are_even(self):
        pairs = 9 * self.integers(0, 9) + self.integers(1, 9)
        counts = np.bincount(pairs, minlength=81)
        assert np.abs(counts - 20_000 / 81).max() < 4.5 * np.sqrt(20_000 / 81)

    def test_are_a_function_of_the_place(self):
        some = tf.constant([3, 17, 10**12, 2**31 + 3], tf.int64)
        numbers = self.drawn.random_integers(some, 0, 1000).numpy()
        np.testing.assert_array_equal(numbers[:2], self.integers(0, 1000)[[3, 17]])
        alone = [self.drawn.random_integers(some[i : i + 1], 0, 1000).numpy()[0] for i in range(4)]
        np.testing.assert_array_equal(numbers, alone)
        assert numbers[3] != numbers[0], "after 2**31 places come other numbers"

    def test_do_not_depend_on_which_images_have_a_fine_label(self):
        other = Schedule(3, 17, 20, seed=0).random_integers(places(0, 100), 0, 1000)
        np.testing.assert_array_equal(other, self.integers(0, 1000, stop=100))


@pytest.mark.parametrize(("num_fine", "num_coarse", "needed"), [(1, 9, 10), (9, 1, 10), (3, 7, 4)])
def test_refuses_a_batch_that_would_lack_a_stream(num_fine, num_coarse, needed):
    message = (
        f"A batch of {needed - 1} is too small for the ratio of {num_fine} fine-labelled to "
        f"{num_coarse} coarse-only images: some batches would hold none of one kind. Use "
        f"batch_size >= {needed}, or a coarse_share nearer to .5."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Schedule(num_fine, num_coarse, needed - 1, seed=0)
    Schedule(num_fine, num_coarse, needed - 1, seed=0, coarse_share=0.5)
    # The batch that it asks for is enough, and the message says no more than is needed.
    drawn = Schedule(num_fine, num_coarse, needed, seed=0)
    fine_labelled = images(drawn, 0, 50 * needed)[1].reshape(50, needed).sum(1)
    assert fine_labelled.min() >= 1
    assert fine_labelled.max() <= needed - 1


def test_refuses_an_empty_training_set():
    message = "There is no training image. Raise fine_fraction or coarse_fraction."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Schedule(0, 0, 8, seed=0)


@pytest.mark.parametrize(("num_images", "batch", "steps"), [(100, 10, 10), (100, 64, 2), (3, 8, 1)])
def test_an_epoch_is_the_nearest_to_one_pass(num_images, batch, steps):
    assert Schedule(num_images, 0, batch, seed=0).steps_per_epoch == steps
