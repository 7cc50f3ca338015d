"""From the labels of a data set to the classes of a taxonomy."""

import re

import numpy as np
import pytest

from coarse2fine.data.labels import DROPPED, fine_of_label, split_dropped
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy, load_taxonomy

LABELS = ["carp", "manx", "persian", "eel"]
TAXONOMY = Taxonomy(("long hair", "manx"), ("cat",), (0, 0), ("persian", "manx"))


def check_refused(message, function, *args):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        function(*args)


def test_labels_are_found_by_what_the_data_set_calls_them():
    to_fine = fine_of_label("pets", LABELS, TAXONOMY)
    # The last is of the label -1: none stays none.
    np.testing.assert_array_equal(to_fine, [DROPPED, 1, 0, DROPPED, -1])


def test_every_label_keeps_its_name_through_any_taxonomy():
    labels = [f"label {i}" for i in range(30)]
    rng = np.random.default_rng(0)
    for count in (1, 7, 30):
        chosen = [labels[i] for i in rng.permutation(30)[:count]]
        fine_names = tuple(f"fine {name}" for name in chosen)
        taxonomy = Taxonomy(fine_names, ("all",), (0,) * count, tuple(chosen))
        to_fine = fine_of_label("set", labels, taxonomy)
        for label, fine in zip(labels, to_fine, strict=False):
            assert (fine == DROPPED) == (label not in chosen)
            if fine != DROPPED:
                assert taxonomy.fine_names[fine] == f"fine {label}"


@pytest.mark.parametrize(
    ("taxonomy", "named"),
    [
        (Taxonomy(("manx", "moth"), ("x",), (0, 0)), "moth"),
        (
            Taxonomy(("manx", "fly", "moth"), ("x",), (0, 0, 0), ("manx", "n1", "n2")),
            "n1 (of fine class fly), n2 (of fine class moth)",
        ),
        # A fine class is not found by its own name where another is given.
        (Taxonomy(("carp",), ("x",), (0,), ("n3",)), "n3 (of fine class carp)"),
    ],
)
def test_refuses_classes_that_are_no_labels_of_the_set(taxonomy, named):
    message = (
        f"The taxonomy does not fit data set 'pets': it names {named}, and the set's labels are "
        "carp, manx, persian, eel. Rename the classes, or give their labels as source_names."
    )
    check_refused(message, fine_of_label, "pets", LABELS, taxonomy)


def test_a_task_of_imagenet_is_read_from_a_set_labelled_by_synsets(data_dir):
    rows = (data_dir / "imagenet_sample" / "classes.tsv").read_text().splitlines()[1:]
    present = [row.split("\t")[0] for row in rows]
    task = load_taxonomy("imagenet_dog_cat")
    labels = sorted({*present, *task.source_names})
    to_fine = fine_of_label("imagenet2012", labels, task)
    for label, fine in zip(labels, to_fine, strict=False):
        expected = task.source_names.index(label) if label in task.source_names else DROPPED
        assert fine == expected
    assert (to_fine == DROPPED).sum() == len(set(present) - set(task.source_names)) >= 18


class TestSplitDropped:
    to_fine = fine_of_label("pets", LABELS, TAXONOMY)

    def test_counts_what_is_left_out_and_keeps_the_order(self):
        labels = np.array([3, 1, 0, 2, 0, -1, 1])
        kept, dropped = split_dropped("pets", labels, LABELS, self.to_fine)
        np.testing.assert_array_equal(kept, [1, 3, 5, 6])
        assert dropped == {"carp": 2, "eel": 1}

    def test_leaves_out_nothing_where_every_label_is_named(self):
        kept, dropped = split_dropped("pets", np.array([1, 2, 1]), LABELS, self.to_fine)
        np.testing.assert_array_equal(kept, [0, 1, 2])
        assert dropped == {}

    def test_refuses_a_split_of_which_nothing_is_left(self):
        message = "Split 'a' has no image of the taxonomy's classes: its labels are carp, eel."
        labels = np.array([0, 3, 3])
        check_refused(message, split_dropped, "Split 'a'", labels, LABELS, self.to_fine)
