import dataclasses
import re

import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy, cifar100

PETS = Taxonomy(("siamese", "beagle", "persian", "carp"), ("dog", "cat", "fish"), (1, 0, 1, 2))
# SHA-256 of this text in one line: {"fine_names":["siamese","beagle","persian","carp"],
# "coarse_names":["dog","cat","fish"],"parent":[1,0,1,2]}
GOLDEN = "52bbbd9668aa133171514b71df8550026e17f646dba9e40bcff1777d936fecce"
GOLDEN_CIFAR100 = "c0fc65ad5cff4482f00ed90b385c67dd541aad982d5038c84c1f95dd2f0cea92"


def random_taxonomy(seed, num_fine=30, num_coarse=7):
    rng = np.random.default_rng(seed)
    parent = np.r_[np.arange(num_coarse), rng.integers(0, num_coarse, num_fine - num_coarse)]
    return Taxonomy(
        tuple(f"f{i}" for i in range(num_fine)),
        tuple(f"c{i}" for i in range(num_coarse)),
        tuple(rng.permutation(parent)),
    )


def check_refused(message, function, *args):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        function(*args)


def parents_by_name(taxonomy):
    return {
        fine: taxonomy.coarse_names[k]
        for fine, k in zip(taxonomy.fine_names, taxonomy.parent, strict=True)
    }


class TestConstruction:
    @pytest.mark.parametrize(
        ("arguments", "problems"),
        [
            ((("a", "a"), ("x",), (0, 0)), "fine class 'a' stands 2 times"),
            ((("a", "b"), ("x", "x"), (0, 1)), "coarse class 'x' stands 2 times"),
            ((("a",), ("x",), (1,)), "fine class 'a' has parent 1, expected an index below 1"),
            ((("a",), ("x",), (-1,)), "fine class 'a' has parent -1, expected an index below 1"),
            ((("a",), ("x",), ("x",)), "fine class 'a' has parent 'x', expected an index below 1"),
            ((("a",), ("x",), (0.0,)), "fine class 'a' has parent 0.0, expected an index below 1"),
            ((("a", "b"), ("x",), (0,)), "2 fine classes but 1 parents"),
            # A hole: the classes on either side have children.
            ((("a", "b"), ("x", "y", "z"), (0, 2)), "coarse class 'y' has no children"),
            (((" ",), ("x",), (0,)), "fine class 0 is ' ', expected a non-empty text"),
            (((3,), ("x",), (0,)), "fine class 0 is 3, expected a non-empty text"),
            (((), (), ()), "no fine classes; no coarse classes"),
            ((("a", "b"), ("x",), (0, 0), ("a",)), "2 fine classes but 1 source names"),
            ((("a", "b"), ("x",), (0, 0), ("c", "c")), "source name 'c' stands 2 times"),
            (
                (("a",), ("x",), (0,), (" ",)),
                "source name 0 is ' ', expected a non-empty text",
            ),
            (
                (("a", "a"), ("x",), (1, 0), (3, "b")),
                "fine class 'a' stands 2 times; fine class 'a' has parent 1, expected an index "
                "below 1; source name 0 is 3, expected a non-empty text",
            ),
            (
                (("a", "a"), ("x", "x", ""), (0, 3)),
                "fine class 'a' stands 2 times; coarse class 2 is '', expected a non-empty "
                "text; coarse class 'x' stands 2 times; fine class 'a' has parent 3, expected an "
                "index below 3",
            ),
        ],
    )
    def test_refuses_and_lists_every_problem(self, arguments, problems):
        check_refused(f"The taxonomy cannot be used: {problems}.", Taxonomy, *arguments)

    def test_is_frozen_and_made_of_tuples_and_plain_integers(self):
        taxonomy = Taxonomy(["a", "b"], ["x"], np.zeros(2, np.int32))
        assert taxonomy == Taxonomy(("a", "b"), ("x",), (0, 0))
        assert hash(taxonomy) == hash(Taxonomy(("a", "b"), ("x",), (0, 0)))
        assert {type(k) for k in taxonomy.parent} == {int}
        with pytest.raises(dataclasses.FrozenInstanceError):
            taxonomy.parent = (0, 0)

    def test_from_pairs_numbers_by_first_appearance(self):
        pairs = [("b", "y"), ("a", "x"), ("c", "y")]
        assert Taxonomy.from_pairs(pairs) == Taxonomy(("b", "a", "c"), ("y", "x"), (0, 1, 0))
        named = Taxonomy.from_pairs(pairs, ["n2", "n1", "n3"])
        assert named == Taxonomy(("b", "a", "c"), ("y", "x"), (0, 1, 0), ("n2", "n1", "n3"))

    def test_source_names_are_the_fine_names_by_default(self):
        assert PETS.source_names == PETS.fine_names
        assert Taxonomy(("a", "b"), ("x",), (0, 0), []).source_names == ("a", "b")
        assert Taxonomy(("a", "b"), ("x",), (0, 0), ["b", "a"]).source_names == ("b", "a")


@pytest.mark.parametrize("seed", range(5))
def test_children_are_those_whose_parent_they_name(seed):
    taxonomy = random_taxonomy(seed)
    for k, members in enumerate(taxonomy.children):
        assert list(members) == [f for f in range(30) if taxonomy.parent[f] == k]


class TestCoarsen:
    def test_maps_labels_of_any_shape_and_keeps_minus_one(self):
        fine = np.array([[0, -1, 1], [3, 2, -1]])
        np.testing.assert_array_equal(PETS.coarsen(fine), [[1, -1, 0], [2, 1, -1]])
        assert PETS.coarsen(fine).dtype == np.int64
        assert PETS.coarsen(2) == 1
        assert PETS.coarsen([]).shape == (0,)
        assert PETS.coarsen([2.0, -1.0]).tolist() == [1, -1]

    @pytest.mark.parametrize(("low", "high"), [(0, 4), (-2, 1)])
    def test_refuses_labels_out_of_range(self, low, high):
        message = f"Fine labels {low} to {high} are given, expected -1 (none) to 3."
        check_refused(message, PETS.coarsen, [high, low])

    @pytest.mark.parametrize(
        ("labels", "kind"),
        [([0.9, 1.7], "float64"), ([0, np.nan], "float64"), ([True], "bool"), (["1"], "str32")],
    )
    def test_refuses_what_are_no_whole_numbers(self, labels, kind):
        message = f"Fine labels are {kind}, expected whole numbers."
        check_refused(message, PETS.coarsen, labels)


class TestSubset:
    def test_keeps_each_level_in_its_old_order(self):
        expected = Taxonomy(("siamese", "persian", "carp"), ("cat", "fish"), (0, 0, 1))
        assert PETS.subset(["fish", "cat"]) == expected

    @pytest.mark.parametrize("seed", range(5))
    def test_changes_no_parent(self, seed):
        taxonomy = random_taxonomy(seed)
        kept = taxonomy.subset(taxonomy.coarse_names[1::2])
        before = parents_by_name(taxonomy)
        assert parents_by_name(kept) == {
            fine: coarse for fine, coarse in before.items() if coarse in kept.coarse_names
        }

    def test_keeps_what_the_data_set_calls_its_classes(self):
        kept = dataclasses.replace(PETS, source_names=("s", "b", "p", "c")).subset(["fish", "cat"])
        assert kept.fine_names == ("siamese", "persian", "carp")
        assert kept.source_names == ("s", "p", "c")

    def test_of_everything_is_the_taxonomy(self):
        assert cifar100().subset(cifar100().coarse_names) == cifar100()

    def test_refuses_unknown_classes(self):
        message = "Unknown coarse classes 'bird', 'cow'. Known: dog, cat, fish."
        check_refused(message, PETS.subset, ["cow", "cat", "bird"])


class TestRegroup:
    def test_keeps_the_fine_order_and_drops_what_no_group_names(self):
        grouped = PETS.regroup({"swims": ["carp"], "walks": ["persian", "siamese"]})
        assert grouped == Taxonomy(("siamese", "persian", "carp"), ("swims", "walks"), (1, 1, 0))

    def test_keeps_what_the_data_set_calls_its_classes(self):
        named = dataclasses.replace(PETS, source_names=("s", "b", "p", "c"))
        grouped = named.regroup({"swims": ["carp"], "walks": ["persian", "beagle"]})
        assert grouped.fine_names == ("beagle", "persian", "carp")
        assert grouped.source_names == ("b", "p", "c")

    def test_refuses_unknown_classes(self):
        message = "Unknown fine classes 'eel'. Known: siamese, beagle, persian, carp."
        check_refused(message, PETS.regroup, {"swims": ["carp", "eel"]})

    def test_refuses_a_class_in_two_groups(self):
        message = "The taxonomy cannot be used: fine class 'carp' stands 2 times."
        check_refused(message, PETS.regroup, {"swims": ["carp"], "eaten": ["carp"]})

    def test_refuses_an_empty_group(self):
        message = "The taxonomy cannot be used: coarse class 'flies' has no children."
        check_refused(message, PETS.regroup, {"swims": ["carp"], "flies": []})


class TestFingerprint:
    def test_does_not_change_from_version_to_version(self):
        assert PETS.fingerprint == GOLDEN
        assert cifar100().fingerprint == GOLDEN_CIFAR100

    def test_does_not_depend_on_what_a_data_set_calls_the_classes(self):
        named = dataclasses.replace(PETS, source_names=("s", "b", "p", "c"))
        assert named != PETS
        assert named.fingerprint == GOLDEN

    def test_tells_any_change(self):
        changed = [
            PETS,
            Taxonomy(("Siamese", *PETS.fine_names[1:]), PETS.coarse_names, PETS.parent),
            Taxonomy(PETS.fine_names, ("dog", "cat", "fishes"), PETS.parent),
            Taxonomy(PETS.fine_names, PETS.coarse_names, (1, 0, 2, 2)),
            Taxonomy(PETS.fine_names[::-1], PETS.coarse_names, PETS.parent[::-1]),
            Taxonomy(PETS.fine_names, ("cat", "dog", "fish"), (0, 1, 0, 2)),
            Taxonomy(PETS.fine_names[:3], PETS.coarse_names[:2], PETS.parent[:3]),
            # The same letters, cut elsewhere.
            Taxonomy(("a", "bc"), ("x",), (0, 0)),
            Taxonomy(("ab", "c"), ("x",), (0, 0)),
            Taxonomy(("é", "c"), ("x",), (0, 0)),
            Taxonomy(("\\u00e9", "c"), ("x",), (0, 0)),
        ]
        assert len({taxonomy.fingerprint for taxonomy in changed}) == len(changed)

    def test_of_an_equal_taxonomy_passes_the_check(self):
        PETS.check_same(dataclasses.replace(PETS).fingerprint, "Checkpoint 7")

    def test_of_another_taxonomy_is_refused(self):
        other = cifar100().fingerprint
        message = (
            f"Checkpoint 7 was made with another taxonomy: its fingerprint is {other[:12]}, "
            f"expected {GOLDEN[:12]} (4 fine and 3 coarse classes). Use the taxonomy that it was "
            "made with."
        )
        check_refused(message, PETS.check_same, other, "Checkpoint 7")
