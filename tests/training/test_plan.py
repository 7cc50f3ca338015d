"""What follows from a config before the first update: parts, labels, and number of updates."""

import re

import numpy as np
import pytest

from coarse2fine.data import ArraySource, load_source, noisy_labels
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config
from coarse2fine.training.plan import make_plan

TAXONOMY = Taxonomy(("a", "b", "c", "d"), ("x", "y"), (0, 0, 1, 1))
PARTS = ("fine_labelled", "coarse_only", "validation")
DEFAULTS = {"batch_size": 8, "schedule": "cosine", "epochs": 3}


def make_source(each=100, **arguments):
    fine = np.arange(4 * each) % 4
    return ArraySource(np.zeros((4 * each, 2, 2, 1), np.uint8), TAXONOMY, fine, **arguments)


def plan(source=None, **changes):
    return make_plan(make_source() if source is None else source, Config(**DEFAULTS | changes))


def check_refused(message, **changes):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        plan(**changes)


def parts_of(source, **changes):
    partition = plan(source, **changes).partition
    return {part: set(source.ids[getattr(partition, part)]) for part in PARTS}


@pytest.mark.parametrize(
    ("labels", "num_images"), [("mixed", 380), ("fine", 180), ("oracle", 380), ("coarse", 380)]
)
def test_epochs_are_passes_over_what_is_trained_on(labels, num_images):
    assert plan(labels=labels).steps == 3 * round(num_images / 8)
    assert plan(labels=labels, epochs=None).steps == 55 * round(num_images / 8)
    assert plan(labels=labels, epochs=None, steps=7).steps == 7


class TestUsableLabels:
    def test_are_hidden_of_the_images_that_are_trained_on_without(self):
        source = make_source()
        given = plan(source)
        expected = source.fine.copy()
        expected[given.coarse_only] = -1
        np.testing.assert_array_equal(given.source.fine, expected)
        np.testing.assert_array_equal(source.fine, np.arange(400) % 4)

    def test_are_all_there_for_an_oracle_and_none_where_coarse_labels_are_learned(self):
        oracle, coarse = plan(labels="oracle"), plan(labels="coarse")
        assert (oracle.source.fine >= 0).all()
        assert (coarse.source.fine[coarse.training_images] == -1).all()


class TestDataFraction:
    @pytest.mark.parametrize("labels", ["mixed", "fine", "oracle", "coarse"])
    @pytest.mark.parametrize("data_fraction", [0.1, 0.2, 0.5, 0.9])
    def test_leaves_the_number_of_updates_as_it_is(self, labels, data_fraction):
        some, whole = plan(labels=labels, data_fraction=data_fraction), plan(labels=labels)
        assert some.steps == whole.steps == some.config.steps
        assert some.schedule.num_images < whole.schedule.num_images
        assert plan(labels=labels, data_fraction=data_fraction, epochs=None, steps=5).steps == 5

    def test_is_taken_of_shapes_class_by_class_and_nested(self):
        source = load_source("shapes/2x5", "test")
        smaller = parts_of(source, data_fraction=0.2)
        for data_fraction in (0.4, 0.6, 0.8, 1.0):
            larger = parts_of(source, data_fraction=data_fraction)
            for part in PARTS:
                assert smaller[part] <= larger[part]
            used = np.isin(source.ids, list(set.union(*larger.values())))
            counts = np.bincount(source.fine[used])
            np.testing.assert_array_equal(counts, [100 * data_fraction] * 10)
            smaller = larger

    def test_a_batch_too_small_for_the_smaller_sets_ratio_is_refused(self):
        # S_fine keeps an image of each class where S_coarse has 2 of them.
        check_refused(
            "A batch of 2 is too small for the ratio of 4 fine-labelled to 8 coarse-only images: "
            "some batches would hold none of one kind. Use batch_size >= 3, "
            "or a coarse_share nearer to .5.",
            fine_fraction=0.02,
            coarse_fraction=0.5,
            data_fraction=0.05,
            batch_size=2,
        )

    def test_a_batch_too_small_for_the_whole_sets_ratio_alone_may_be_used(self):
        values = {"fine_fraction": 0.02, "coarse_fraction": 0.5, "batch_size": 4}
        check_refused(
            "A batch of 4 is too small for the ratio of 8 fine-labelled to 200 coarse-only images: "
            "some batches would hold none of one kind. Use batch_size >= 26, "
            "or a coarse_share nearer to .5.",
            validation_fraction=0.0,
            **values,
        )
        some = plan(data_fraction=0.05, validation_fraction=0.0, **values)
        assert some.steps == 3 * round(208 / 4)

    def test_a_class_that_is_left_empty_is_refused(self):
        check_refused(
            "1 of 4 fine classes have no fine-labelled training image: d. Raise fine_fraction, "
            "label some, or pass allow_unlabelled_classes to train without.",
            source=ArraySource(np.zeros((30, 2, 2, 1), np.uint8), TAXONOMY, np.arange(30) % 3),
            data_fraction=0.1,
        )

    def test_a_plateau_without_a_validation_image_is_refused(self):
        check_refused(
            "validation_fraction 0.1 of S_fine gives no validation image, and schedule plateau "
            "needs some. Raise it.",
            schedule="plateau",
            data_fraction=0.01,
        )


class TestFineLabelNoise:
    @pytest.mark.parametrize("labels", ["mixed", "fine", "oracle"])
    def test_changes_nobodys_part_and_nothing_but_fine_labels(self, labels):
        source = make_source()
        noisy = plan(source, labels=labels, fine_label_noise=0.5)
        clean = plan(source, labels=labels)
        for part in PARTS:
            np.testing.assert_array_equal(
                getattr(noisy.partition, part), getattr(clean.partition, part)
            )
        np.testing.assert_array_equal(noisy.fine_labelled, clean.fine_labelled)
        np.testing.assert_array_equal(noisy.coarse_only, clean.coarse_only)
        assert noisy.schedule == clean.schedule
        assert noisy.steps == clean.steps
        np.testing.assert_array_equal(noisy.source.coarse, source.coarse)
        np.testing.assert_array_equal(noisy.source.ids, source.ids)
        np.testing.assert_array_equal(source.fine, np.arange(400) % 4)

    def test_is_in_the_labels_that_are_trained_on_and_validated_with(self):
        source = make_source()
        made = plan(source, fine_label_noise=0.5, seed=3)
        expected = noisy_labels(source.fine, source.ids, TAXONOMY, 0.5, 3)
        for part in ("fine_labelled", "validation"):
            members = getattr(made.partition, part)
            np.testing.assert_array_equal(made.source.fine[members], expected[members])
            assert (expected[members] != source.fine[members]).any()

    @pytest.mark.parametrize("labels", ["mixed", "oracle"])
    def test_is_counted_among_the_labels_that_are_trained_on(self, labels):
        source = make_source()
        made = plan(source, labels=labels, fine_label_noise=0.5)
        noisy = noisy_labels(source.fine, source.ids, TAXONOMY, 0.5, 0)
        expected = (noisy != source.fine)[made.fine_labelled].sum()
        assert made.fine_labels_changed == expected
        # Each label is changed with probability 1/2 * 1/2, whichever part its image is in.
        count = len(made.fine_labelled)
        assert abs(expected - count / 4) < 4 * np.sqrt(count * 3 / 16)

    def test_without_any_no_label_is_changed(self):
        assert plan().fine_labels_changed == 0

    def test_is_no_label_for_an_oracle_that_lacks_some(self):
        source = ArraySource(
            np.zeros((40, 2, 2, 1), np.uint8),
            TAXONOMY,
            np.r_[np.arange(36) % 4, [-1] * 4],
            coarse=np.r_[np.arange(36) % 4 // 2, [0, 0, 1, 1]],
        )
        check_refused(
            "labels=oracle needs the fine labels of all images, and 4 of 'shapes' have none. Train "
            "with labels=mixed or labels=fine.",
            source=source,
            labels="oracle",
            fine_label_noise=1.0,
        )
