"""Which images, in which order, with which random numbers: a pure function of the step."""

import dataclasses
import math

import tensorflow as tf

from coarse2fine.errors import InputError

# So much more, and rounding takes no whole number for the one below it.
_ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True)
class Schedule:
    """An endless order of two streams that keeps their ratio in every batch.

    The places of all batches are numbered g = 0, 1, 2, ... With r the share of the fine-labelled
    images, place g is fine-labelled when floor((g + 1) r) > floor(g r); it takes the next image of
    its stream's permutation for that pass. So every run of n places holds between floor(n r) and
    ceil(n r) fine-labelled images, and each stream shows every image once before any a second time.

    Where `coarse_share` gives the share of coarse-only places, r is 1 - coarse_share. Where that
    changes, the integral of r takes the place of g r. From a at place 0 on a straight line to b at
    place n, and b from there on, it is

        g - (a + (b - a) min(g, n) / (2 n)) min(g, n) - b max(g - n, 0)

    With 2 fine-labelled (0, 1) and 4 coarse-only images (2 to 5), r = 1/3: places 2, 5, 8, ... are
    fine-labelled, and a batch of 3 might hold 4, 2, 0, the next 5, 3, 1, the next 3, 5, 1.

    Args:
        num_fine_labelled: images of the fine-labelled stream; they are numbered first.
        num_coarse_only: images of the coarse-only stream; they are numbered after them.
        batch_size: places a step.
        seed: of the permutations and of `random_integers`.
        coarse_share: share of places that are coarse-only; None for that of the images.
        final_coarse_share: what it changes to, on a straight line; None for no change.
        last_place: where it arrives there.

    Raises:
        InputError: an empty training set, a share that cannot be or is of a stream that is empty,
            or a batch in which a stream of an unchanging share would be missing.
    """

    num_fine_labelled: int
    num_coarse_only: int
    batch_size: int
    seed: int
    coarse_share: float | None = None
    final_coarse_share: float | None = None
    last_place: int = 0

    def __post_init__(self) -> None:
        if self.num_images == 0:
            raise InputError("There is no training image. Raise fine_fraction or coarse_fraction.")
        if self.coarse_share is not None:
            self._check_shares()
        elif self.final_coarse_share is not None:
            raise InputError("final_coarse_share is given without coarse_share.")
        if self.batch_size < self.smallest_batch:
            ratio, other = f"coarse_share {self.coarse_share}", ""
            if self.coarse_share is None:
                ratio = (
                    f"the ratio of {self.num_fine_labelled} fine-labelled to "
                    f"{self.num_coarse_only} coarse-only images"
                )
                other = ", or a coarse_share nearer to .5"
            raise InputError(
                f"A batch of {self.batch_size} is too small for {ratio}: some batches would hold "
                f"none of one kind. Use batch_size >= {self.smallest_batch}{other}."
            )

    def _check_shares(self) -> None:
        for name in ("coarse_share", "final_coarse_share"):
            share = getattr(self, name)
            if share is None:
                continue
            if not 0 <= share < 1:
                raise InputError(f"{name} is {share}, expected 0 or more and below 1.")
            if not self.num_fine_labelled:
                raise InputError(
                    f"{name} is {share}, and there is no fine-labelled image. Leave it out, or "
                    "raise fine_fraction."
                )
            if share and not self.num_coarse_only:
                raise InputError(
                    f"{name} is {share}, and there is no coarse-only image. Leave it out, or raise "
                    "coarse_fraction."
                )
        if self.final_coarse_share is not None and self.last_place < 1:
            raise InputError(f"last_place is {self.last_place}, expected 1 or more.")

    @property
    def smallest_batch(self) -> int:
        """The fewest places that always hold both kinds; 1 where there is one kind alone.

        It is 1, too, where the share changes: it may be 0 for a while.
        """
        if self.coarse_share is None:
            fewer = min(self.num_fine_labelled, self.num_coarse_only)
            return -(-self.num_images // fewer) if fewer else 1
        fewer_share = min(self.coarse_share, 1 - self.coarse_share)
        if self.final_coarse_share is not None or not fewer_share:
            return 1
        return math.ceil(1 / fewer_share - _ROUNDING)

    @property
    def num_images(self) -> int:
        """Images of both streams: the places of one pass."""
        return self.num_fine_labelled + self.num_coarse_only

    @property
    def steps_per_epoch(self) -> int:
        """Steps that show about as many images as there are."""
        return steps_of_a_pass(self.num_images, self.batch_size)

    def places(self, step: tf.Tensor, size: int | None = None) -> tf.Tensor:
        """The places of a step.

        Args:
            step: int64 scalar.
            size: in place of `batch_size`, for steps that are cut into parts.

        Returns:
            `(size,)` int64.
        """
        size = self.batch_size if size is None else size
        return step * size + tf.range(size, dtype=tf.int64)

    def images(self, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What stands at these places.

        Args:
            places: `(n,)` int64.

        Returns:
            index: `(n,)` int64 numbers of images, below `num_images`.
            has_fine: `(n,)` float32, 1.0 where the image is from the fine-labelled stream.
        """
        before = self._fine_before(places)
        is_fine = self._fine_before(places + 1) > before
        index = tf.where(
            is_fine,
            self._draw(before, self.num_fine_labelled, stream=0),
            self._draw(places - before, self.num_coarse_only, stream=1) + self.num_fine_labelled,
        )
        return index, tf.cast(is_fine, tf.float32)

    def _fine_before(self, places: tf.Tensor) -> tf.Tensor:
        """How many places before these are fine-labelled: floor(g r)."""
        if self.coarse_share is None:
            return places * self.num_fine_labelled // self.num_images
        place = tf.cast(places, tf.float64)
        coarse = self.coarse_share * place
        if self.final_coarse_share is not None:
            change = self.final_coarse_share - self.coarse_share
            changing = tf.minimum(place, float(self.last_place))
            coarse += change * (changing * changing / (2.0 * self.last_place) + (place - changing))
        return tf.cast(tf.floor(place - coarse + _ROUNDING), tf.int64)

    def _draw(self, count: tf.Tensor, num_images: int, stream: int) -> tf.Tensor:
        """The image after `count` others of a stream have been taken."""
        num_images = max(num_images, 1)  # An empty stream has no place; any number does.
        return _shuffled(count % num_images, (self.seed, stream, count // num_images), num_images)

    def random_integers(self, places: tf.Tensor, draw: int, count: int) -> tf.Tensor:
        """A random number for each place; distinct `draw` numbers give independent ones.

        Returns:
            `(n,)` int64, even over 0 .. count - 1.
        """
        bits = 2**31  # A permutation of so many places repeats none within a run.
        return _shuffled(places % bits, (self.seed, 2 + draw, places // bits), bits) % count


def steps_of_a_pass(num_images: int, batch_size: int) -> int:
    """Steps that come nearest to one pass over so many images."""
    return max(1, round(num_images / batch_size))


# `tf.random.experimental.index_shuffle` is this operation with 4 rounds, and it takes one seed for
# all positions. Measured: after 4 rounds neighbours of a permutation of 22,500 are correlated at 26
# standard errors, after 8 no longer; and of each word of the key only the low bits count (8 where
# the permutation is of 300), so that keys must be mixed before.
_ROUNDS = 16


def _shuffled(position: tf.Tensor, key: tuple, size: int) -> tf.Tensor:
    """Element `position` of the permutation of 0 .. size - 1 that the key's numbers name."""
    word = tf.zeros_like(position, tf.uint64)
    for number in key:
        word = _mixed(word + tf.cast(number, tf.uint64))
    words = [tf.bitwise.right_shift(word, tf.constant(shift, tf.uint64)) for shift in (0, 20, 40)]
    return tf.raw_ops.RandomIndexShuffle(
        index=position,
        seed=tf.stack(words, axis=-1),
        max_index=tf.constant(size - 1, tf.int64),
        rounds=_ROUNDS,
    )


def _mixed(word: tf.Tensor) -> tf.Tensor:
    """The step and finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    word += tf.constant(0x9E3779B97F4A7C15, tf.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        word = tf.bitwise.bitwise_xor(
            word, tf.bitwise.right_shift(word, tf.constant(shift, tf.uint64))
        ) * tf.constant(factor, tf.uint64)
    return word
