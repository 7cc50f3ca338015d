import hashlib
import re

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import ArraySource, load_source, shapes
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy

TAXONOMY = Taxonomy(("a", "b", "c"), ("x", "y"), (0, 0, 1))
IMAGES = np.arange(4 * 2 * 2 * 3, dtype=np.uint8).reshape(4, 2, 2, 3)
FINE = np.array([0, 1, 2, -1])
COARSE = np.array([0, 0, 1, 1])
IDS = np.array(["p", "q", "r", "s"])


def check_refused(message, function, *args, **kwargs):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        function(*args, **kwargs)


class TestArraySource:
    def test_yields_the_one_example_structure(self):
        source = ArraySource(IMAGES, TAXONOMY, FINE, IDS, COARSE)
        assert len(source) == 4
        for i in range(4):
            example = source[i]
            assert list(example) == ["image", "fine", "coarse", "id"]
            np.testing.assert_array_equal(example["image"], IMAGES[i])
            assert example["image"].dtype == np.uint8
            assert [example[key] for key in ("fine", "coarse", "id")] == [
                FINE[i],
                COARSE[i],
                IDS[i],
            ]
            assert [type(example[key]) for key in ("fine", "coarse", "id")] == [int, int, str]

    @pytest.mark.parametrize("index", [-1, 4])
    def test_ends(self, index):
        source = ArraySource(IMAGES, TAXONOMY, FINE, IDS, COARSE)
        with pytest.raises(IndexError, match=f"^index {index} of 4 images$"):
            source[index]
        assert len(list(source)) == 4

    def test_gives_images_in_any_order_and_in_a_graph(self):
        source = ArraySource(IMAGES, TAXONOMY, FINE, IDS, COARSE)
        indices = tf.constant([3, 0, 3], tf.int64)
        np.testing.assert_array_equal(source.images(indices), IMAGES[[3, 0, 3]])
        np.testing.assert_array_equal(tf.function(source.images)(indices), IMAGES[[3, 0, 3]])

    def test_has_a_fingerprint_of_ids_in_order_with_their_labels_and_images(self):
        names = ["z", "\u732b/1.jpg", "a\nb", "\U0001f431" * 99]
        source = ArraySource(IMAGES, TAXONOMY, FINE, names, COARSE)
        order = sorted(range(4), key=names.__getitem__)
        expected = hashlib.sha256(TAXONOMY.fingerprint.encode())
        for name in (names[i].encode() for i in order):
            expected.update(len(name).to_bytes(8, "little") + name)
        expected.update(FINE[order].tobytes() + COARSE[order].tobytes() + IMAGES[order].tobytes())
        assert source.fingerprint() == expected.hexdigest()

    @pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
    def test_gives_chunks_of_a_size(self, size):
        source = ArraySource(IMAGES, TAXONOMY, FINE, IDS, COARSE)
        order = np.array([2, 0, 3, 1])
        chunks = list(source.chunks(order, size))
        assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)
        assert 1 <= len(chunks[-1]) <= size
        np.testing.assert_array_equal(np.concatenate(chunks), IMAGES[order])

    def test_takes_coarse_labels_from_the_fine_ones_and_ids_from_the_positions(self):
        source = ArraySource(IMAGES, TAXONOMY, np.array([2, 1, 0, 0]))
        np.testing.assert_array_equal(source.coarse, [1, 0, 0, 0])
        np.testing.assert_array_equal(source.ids, ["0", "1", "2", "3"])

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"images": IMAGES.astype(np.float32)},
                "images has shape (4, 2, 2, 3) and dtype float32, expected (n, height, width, "
                "channels) uint8.",
            ),
            (
                {"images": IMAGES[0]},
                "images has shape (2, 2, 3) and dtype uint8, expected (n, height, width, "
                "channels) uint8.",
            ),
            ({"images": IMAGES[:3]}, "3 images and 4 labels, expected as many."),
            (
                {"ids": IDS[:3]},
                "A source has 4 fine labels, 4 coarse labels and 3 ids, expected as many of each.",
            ),
            ({"ids": np.array(["p", "q", "r", "q"])}, "The id 'q' names more than one image."),
            (
                {"fine": np.array([0, 3, 4, -1])},
                "fine label 3 at position 1 is out of range, expected -1 to 2 (2 such labels).",
            ),
            (
                {"fine": np.array([0, 1, 2, -2])},
                "fine label -2 at position 3 is out of range, expected -1 to 2 (1 such labels).",
            ),
            (
                {"coarse": np.array([0, 0, 1, -1])},
                "coarse label -1 at position 3 is out of range, expected 0 to 1 (1 such labels).",
            ),
            (
                {"coarse": None},
                "coarse label -1 at position 3 is out of range, expected 0 to 1 (1 such labels).",
            ),
            (
                {"fine": np.array([0.9, 1.7, 2, -1])},
                "fine labels are float64, expected whole numbers.",
            ),
            ({"coarse": COARSE == 1}, "coarse labels are bool, expected whole numbers."),
            ({"fine": FINE[:, None]}, "fine labels have shape (4, 1), expected (n,)."),
            (
                {"coarse": np.array([0, 1, 0, 1])},
                "Image q has fine label 'b' and coarse label 'y', which is not its parent "
                "(2 such images).",
            ),
        ],
    )
    def test_refuses_what_does_not_fit(self, changes, message):
        arguments = {"images": IMAGES, "fine": FINE, "ids": IDS, "coarse": COARSE}
        check_refused(message, ArraySource, taxonomy=TAXONOMY, **{**arguments, **changes})


class TestWithFine:
    def test_is_the_same_source_with_other_fine_labels(self):
        source = ArraySource(IMAGES, TAXONOMY, FINE, IDS, COARSE)
        source.dataset, source.dropped = "pets", {"eel": 3}
        other = source.with_fine([1, 1, -1, 2])
        np.testing.assert_array_equal(other.fine, [1, 1, -1, 2])
        np.testing.assert_array_equal(source.fine, FINE)
        np.testing.assert_array_equal(other.coarse, COARSE)
        np.testing.assert_array_equal(other.ids, IDS)
        np.testing.assert_array_equal(next(other.chunks(np.arange(4))), IMAGES)
        assert (other.dataset, other.dropped) == ("pets", {"eel": 3})
        assert other.fingerprint() != source.fingerprint()
        assert other.with_fine(FINE).fingerprint() == source.fingerprint()

    @pytest.mark.parametrize(
        ("fine", "message"),
        [
            (
                [0, 1, 3, -1],
                "fine label 3 at position 2 is out of range, expected -1 to 2 (1 such labels).",
            ),
            ([0.5, 1, 2, -1], "fine labels are float64, expected whole numbers."),
            (
                [0, 1, 2],
                "A source has 3 fine labels, 4 coarse labels and 4 ids, expected as many of each.",
            ),
            (
                [2, 1, 2, 0],
                "Image p has fine label 'c' and coarse label 'x', which is not its parent "
                "(2 such images).",
            ),
        ],
    )
    def test_refuses_what_does_not_fit(self, fine, message):
        source = ArraySource(IMAGES, TAXONOMY, FINE, IDS, COARSE)
        check_refused(message, source.with_fine, fine)


class TestShapes:
    def test_has_its_own_taxonomy_and_no_image_in_both_splits(self):
        train, test = (load_source("shapes/2x2", split) for split in ("train", "test"))
        assert train.taxonomy == test.taxonomy
        assert train.taxonomy.children == ((0, 1), (2, 3))
        np.testing.assert_array_equal(np.bincount(train.fine), [200] * 4)
        np.testing.assert_array_equal(np.bincount(test.fine), [100] * 4)
        assert not set(train.ids) & set(test.ids)
        images = [
            source.images(tf.range(len(source), dtype=tf.int64)).numpy() for source in (train, test)
        ]
        flat = np.concatenate(images).reshape(1200, -1)
        assert len(np.unique(flat, axis=0)) == 1200

    def test_takes_another_grouping_of_the_same_fine_classes(self):
        own = load_source("shapes/2x2", "test").taxonomy
        details = own.regroup({"striped": own.fine_names[::2], "dotted": own.fine_names[1::2]})
        source = load_source("shapes/2x2", "test", taxonomy=details)
        np.testing.assert_array_equal(source.coarse, source.fine % 2)

    def test_leaves_out_and_renames_classes_and_changes_no_image(self):
        whole = load_source("shapes/2x2", "test")
        some = Taxonomy(("stripes", "dots"), ("box",), (0, 0), ("striped square", "dotted square"))
        source = load_source("shapes/2x2", "test", taxonomy=some)
        kept = np.flatnonzero(whole.coarse == 1)
        np.testing.assert_array_equal(source.ids, whole.ids[kept])
        np.testing.assert_array_equal(source.fine, whole.fine[kept] - 2)
        np.testing.assert_array_equal(source.coarse, 0)
        for part, of_whole in zip(source.chunks(np.arange(200)), whole.chunks(kept), strict=True):
            np.testing.assert_array_equal(part, of_whole)
        assert source.dropped == {"striped disk": 100, "dotted disk": 100}
        assert whole.dropped == {}

    def test_draws_no_image_that_is_left_out(self, monkeypatch):
        drawn = []
        draw = shapes.draw
        monkeypatch.setattr(
            shapes, "draw", lambda fine, *args: drawn.extend(fine) or draw(fine, *args)
        )
        own = Taxonomy(("dotted disk",), ("x",), (0,))
        load_source("shapes/2x2", "test", taxonomy=own)
        assert drawn == [1] * 100

    def test_refuses_a_taxonomy_of_other_classes(self):
        message = (
            "The taxonomy does not fit data set 'shapes/2x2': it names a, b, c, and the set's "
            "labels are striped disk, dotted disk, striped square, dotted square. Rename the "
            "classes, or give their labels as source_names."
        )
        check_refused(message, load_source, "shapes/2x2", "test", taxonomy=TAXONOMY)

    def test_refuses_an_unknown_split(self):
        message = "Unknown split 'val'. Known: train, test."
        check_refused(message, load_source, "shapes", "val")

    @pytest.mark.parametrize(
        ("values", "named"),
        [
            ({"image_size": 64}, "image_size 64"),
            ({"data_dir": "/data"}, "data_dir /data"),
            ({"data_dir": "/data", "image_size": 64}, "data_dir /data and image_size 64"),
        ],
    )
    def test_refuses_what_would_be_ignored(self, values, named):
        message = (
            f"Data set 'shapes/2x2' is drawn in 32x32 pixels, not read: {named} would be ignored. "
            "Leave that out."
        )
        check_refused(message, load_source, "shapes/2x2", "test", **values)
