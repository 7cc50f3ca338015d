"""Batches: what a run may learn from, in which order, and nothing more."""

import itertools
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import (
    ArraySource,
    Partition,
    Schedule,
    draw_partition,
    evaluation_batches,
    pipeline,
    select_labels,
    training_batches,
)
from coarse2fine.data.augmentation import AUGMENTATIONS
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy

TAXONOMY = Taxonomy(tuple("abcdef"), tuple("xyz"), (0, 0, 1, 1, 2, 2))
LABELS = ("mixed", "fine", "oracle", "coarse")


def make_source(hidden=(), seed=0):
    """240 images of 8x8; those in `hidden` change their fine label within its coarse class."""
    rng = np.random.default_rng(seed)
    fine = np.repeat(np.arange(6), 40)
    fine[list(hidden)] ^= 1  # Siblings are 0 and 1, 2 and 3, 4 and 5.
    images = rng.integers(0, 256, (240, 8, 8, 3)).astype(np.uint8)
    images[:, 0, 0, 0] = np.arange(240)  # Every image says its index.
    return ArraySource(images, TAXONOMY, fine)


def draw(source, fine_fraction=0.4, coarse_fraction=0.6):
    return draw_partition(source.fine, source.coarse, source.ids, fine_fraction, coarse_fraction)


def as_float(images):
    return tf.cast(images, tf.float32)


def batches(count, labels="mixed", first_step=0, augment="none", source=None, partition=None):
    """So many training batches, as arrays."""
    source = make_source() if source is None else source
    fine_labelled, coarse_only = select_labels(partition or draw(source), labels)
    schedule = Schedule(len(fine_labelled), len(coarse_only), batch_size=20, seed=3)
    dataset = training_batches(
        source, fine_labelled, coarse_only, schedule, as_float, augment, first_step
    )
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def check_equal(one, other):
    tf.nest.assert_same_structure(one, other)
    for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
        np.testing.assert_array_equal(a, b)


def shown(batch):
    """Indices of a batch's images."""
    return batch[0][:, 0, 0, 0].astype(int)


class TestSelectLabels:
    partition = Partition(np.array([1, 2]), np.array([3, 4, 5]), np.array([9]))

    @pytest.mark.parametrize(
        ("labels", "fine_labelled", "coarse_only"),
        [
            ("mixed", [1, 2], [3, 4, 5]),
            ("fine", [1, 2], []),
            ("oracle", [1, 2, 3, 4, 5], []),
            ("coarse", [], [1, 2, 3, 4, 5]),
        ],
    )
    def test_gives_what_the_labels_say_and_never_validation(
        self, labels, fine_labelled, coarse_only
    ):
        one, other = select_labels(self.partition, labels)
        assert (list(one), list(other)) == (fine_labelled, coarse_only)

    def test_refuses_others(self):
        message = "Unknown labels 'all'. Known: mixed, fine, oracle, coarse."
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            select_labels(self.partition, "all")


class TestTrainingBatches:
    @pytest.mark.parametrize("labels", LABELS)
    def test_have_the_one_structure(self, labels):
        ((images, given, weights),) = batches(1, labels)
        assert list(given) == list(weights) == ["fine", "coarse"]
        assert images.shape == (20, 8, 8, 3)
        assert images.dtype == np.float32
        for array in given.values():
            assert (array.shape, array.dtype) == ((20,), np.int64)
        for array in weights.values():
            assert (array.shape, array.dtype) == ((20,), np.float32)

    @pytest.mark.parametrize("labels", LABELS)
    def test_emit_the_labels_that_a_run_may_use(self, labels):
        source = make_source()
        partition = draw(source)
        usable = {
            "mixed": partition.fine_labelled,
            "fine": partition.fine_labelled,
            "oracle": np.r_[partition.fine_labelled, partition.coarse_only],
            "coarse": [],
        }[labels]
        trained_on = partition.fine_labelled
        if labels != "fine":
            trained_on = np.r_[trained_on, partition.coarse_only]
        seen = set()
        for batch in batches(24, labels):
            _, given, weights = batch
            index = shown(batch)
            seen |= set(index)
            has_fine = np.isin(index, usable)
            np.testing.assert_array_equal(weights["fine"], has_fine)
            np.testing.assert_array_equal(weights["coarse"], np.ones(20))
            np.testing.assert_array_equal(given["fine"], source.fine[index] * has_fine)
            np.testing.assert_array_equal(given["coarse"], source.coarse[index])
        assert seen == set(trained_on)

    @pytest.mark.parametrize("labels", ["mixed", "fine", "coarse"])
    @pytest.mark.parametrize("augment", AUGMENTATIONS)
    def test_hidden_fine_labels_change_nothing(self, labels, augment):
        partition = draw(make_source())
        hidden = partition.coarse_only
        if labels == "coarse":
            hidden = np.r_[hidden, partition.fine_labelled]
        sources = make_source(), make_source(hidden)
        assert (sources[0].fine != sources[1].fine).sum() == len(hidden) > 0
        one, other = (
            batches(10, labels, augment=augment, source=source, partition=partition)
            for source in sources
        )
        check_equal(one, other)

    def test_oracle_labels_do_change_something(self):
        partition = draw(make_source())
        one, other = (
            batches(10, "oracle", source=source, partition=partition)
            for source in (make_source(), make_source(partition.coarse_only))
        )
        differ = [(a[1]["fine"] != b[1]["fine"]).any() for a, b in zip(one, other, strict=True)]
        assert all(differ)

    @pytest.mark.parametrize("augment", AUGMENTATIONS)
    @pytest.mark.parametrize("first_step", [1, 4, 7])
    def test_from_a_later_step_equal_those_that_skip_the_earlier(self, first_step, augment):
        whole = batches(10, augment=augment)
        check_equal(
            whole[first_step:], batches(10 - first_step, first_step=first_step, augment=augment)
        )

    @pytest.mark.parametrize("augment", ["none", "crop_flip"])
    @pytest.mark.parametrize(("images_a_part", "size"), [(1, 1), (3, 2), (7, 5), (19, 10)])
    def test_made_in_parts_are_those_made_at_once(self, monkeypatch, augment, images_a_part, size):
        whole = batches(3, first_step=5, augment=augment)
        sizes = []

        def preprocess(images):
            sizes.append(images.shape[0])
            return as_float(images)

        monkeypatch.setattr(pipeline, "_PART_BYTES", images_a_part * 8 * 8 * 3 * 4)
        source = make_source()
        schedule = Schedule(96, 144, batch_size=20, seed=3)
        fine_labelled, coarse_only = select_labels(draw(source), "mixed")
        dataset = training_batches(
            source, fine_labelled, coarse_only, schedule, preprocess, augment, first_step=5
        )
        for one, other in zip(whole, dataset.as_numpy_iterator(), strict=False):
            check_equal(one, other)
        # The largest divisor of 20 that is not above.
        assert set(sizes) == {size}
        assert dataset.element_spec[0].shape == (20, 8, 8, 3)

    def test_show_every_image_once_a_pass(self):
        order = np.concatenate([shown(batch) for batch in batches(24)])
        np.testing.assert_array_equal(np.sort(order.reshape(2, 240)), [range(240)] * 2)

    def test_preprocess_before_augmenting(self):
        # Padding is zero after preprocessing, so it is the mean image and not a black one.
        source = make_source()
        schedule = Schedule(240, 0, 20, seed=3)
        none = np.empty(0, np.int64)
        dataset = training_batches(
            source, np.arange(240), none, schedule, lambda x: as_float(x) + 1000, "crop_flip"
        )
        images = next(dataset.as_numpy_iterator())[0]
        assert (images == 0).any()
        assert images[images != 0].min() >= 1000

    def test_crop_differently_every_time(self):
        # The same image in two passes, and two images in one batch.
        source = ArraySource(np.full((240, 8, 8, 3), 200, np.uint8), TAXONOMY, make_source().fine)
        images = np.concatenate([b[0] for b in batches(24, augment="crop_flip", source=source)])
        crops = {(image > 0).tobytes() for image in images}
        assert len(crops) > 50  # Of 81 places; flipping shows in none of them but their borders.

    def test_refuse_an_unknown_augmentation(self):
        message = (
            "Unknown augment 'mixup'. Known: none, crop_flip, random_crop, random_resized_crop."
        )
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            batches(1, augment="mixup")


class TestEvaluationBatches:
    @pytest.mark.parametrize("num_images", [0, 1, 7, 8, 9, 240])
    def test_show_every_image_once_in_order(self, num_images):
        source = make_source()
        indices = np.random.default_rng(0).permutation(240)[:num_images]
        dataset = evaluation_batches(source, indices, 8, as_float)
        result = list(dataset.as_numpy_iterator())
        assert len(result) == -(-num_images // 8)
        for batch in result:
            assert batch[0].shape == (8, 8, 8, 3)
            for array in (*batch[1].values(), *batch[2].values()):
                assert array.shape == (8,)
        if not num_images:
            return
        order = np.concatenate([shown(batch) for batch in result])
        weight = np.concatenate([batch[2]["coarse"] for batch in result])
        np.testing.assert_array_equal(weight, np.arange(len(weight)) < num_images)
        np.testing.assert_array_equal(order[:num_images], indices)
        assert (order[num_images:] == indices[0]).all()
        for level, labels in (("fine", source.fine), ("coarse", source.coarse)):
            given = np.concatenate([batch[1][level] for batch in result])
            np.testing.assert_array_equal(given, labels[order])
            level_weight = np.concatenate([batch[2][level] for batch in result])
            np.testing.assert_array_equal(level_weight, weight)

    def test_give_images_without_a_fine_label_no_fine_weight(self):
        whole = make_source()
        fine = np.where(np.arange(240) % 3 == 0, -1, whole.fine)
        images = whole.images(tf.range(240, dtype=tf.int64)).numpy()
        source = ArraySource(images, TAXONOMY, fine, coarse=whole.coarse)
        for batch in evaluation_batches(source, np.arange(240), 10, as_float).as_numpy_iterator():
            index = shown(batch)
            np.testing.assert_array_equal(batch[2]["fine"], index % 3 != 0)
            np.testing.assert_array_equal(batch[2]["coarse"], np.ones(10))
            np.testing.assert_array_equal(batch[1]["fine"], np.maximum(fine[index], 0))
            np.testing.assert_array_equal(batch[1]["coarse"], whole.coarse[index])


@pytest.mark.parametrize("end", ["", "raise KeyError('it')"])
def test_a_process_ends_while_batches_are_being_read_in_python(end):
    code = """
import time, numpy as np
from coarse2fine.data import EncodedSource, Schedule, training_batches
from coarse2fine.data.views import CenterCrop
from coarse2fine.taxonomy import Taxonomy

class Slow(EncodedSource):
    def encoded(self, index):
        time.sleep(0.02)
        return b""
    def _decode(self, index, seed, view):
        return np.zeros((1, 4, 4, 3), np.uint8) + len(self.encoded(index))

source = Slow(Taxonomy(("a",), ("x",), (0,)), np.zeros(8), range(8), CenterCrop(4, 4))
schedule = Schedule(8, 0, 2, 0)
none = np.zeros(0, np.int64)

def read():
    batches = iter(training_batches(source, np.arange(8), none, schedule, lambda images: images))
    next(batches)
    circle = [batches]
    circle.append(circle)  # Garbage, as what fit leaves.
    print("end")
"""
    code += f"    {end}\n\nread()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout) == (1 if end else 0, "end\n"), done.stderr[-2000:]


class Counted(ArraySource):
    """Images in memory, and how many of them were read at a time."""

    def images(self, indices):
        def read(places):
            self.sizes.add(len(places))
            return self.pixels[places]

        images = tf.numpy_function(read, [indices], tf.uint8, stateful=False)
        return tf.ensure_shape(images, (indices.shape[0], *self.image_shape))


class TestParts:
    # Of 8 x 8 float32 pixels of 3 colours; a batch is of 20 images.
    @pytest.mark.parametrize(("images_a_part", "size"), [(1, 1), (7, 5), (19, 10), (20, 20)])
    @pytest.mark.parametrize("is_training", [True, False])
    def test_are_all_that_is_made_at_a_time_and_change_no_batch(
        self, monkeypatch, images_a_part, size, is_training
    ):
        whole = make_source()
        source = Counted(np.zeros((240, 8, 8, 3), np.uint8), TAXONOMY, whole.fine)
        source.pixels = whole.images(tf.range(240, dtype=tf.int64)).numpy()
        source.sizes = set()

        def make(source):
            if is_training:
                return batches(5, first_step=3, augment="crop_flip", source=source)
            return list(evaluation_batches(source, np.arange(50), 20, as_float).as_numpy_iterator())

        expected = make(whole)
        monkeypatch.setattr(pipeline, "_PART_BYTES", 4 * 8 * 8 * 3 * images_a_part)
        check_equal(make(source), expected)
        assert source.sizes == {size}

    def test_keep_the_static_shapes(self, monkeypatch):
        before = evaluation_batches(make_source(), np.arange(50), 20, as_float).element_spec
        monkeypatch.setattr(pipeline, "_PART_BYTES", 1)
        after = evaluation_batches(make_source(), np.arange(50), 20, as_float).element_spec
        assert before == after
