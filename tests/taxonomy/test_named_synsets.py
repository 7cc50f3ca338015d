"""Coarse classes that are named: which leaves fall to them, on small and random hierarchies."""

import pytest
from hierarchies import ANIMALS, LEAVES, check_refused, grouped, random_hierarchy

from coarse2fine.taxonomy import Taxonomy, coarse_from_synsets


class TestNamedSynsets:
    def test_take_the_leaves_under_them_and_are_numbered_by_the_first(self):
        taxonomy = coarse_from_synsets(ANIMALS, LEAVES, ["fish", "mammal"])
        assert taxonomy == Taxonomy(LEAVES, ("mammal", "fish"), (0, 1, 0, 1, 0, 0))

    def test_may_be_leaves_themselves(self):
        taxonomy = coarse_from_synsets(ANIMALS, ["dog", "whale", "pug"], ["dog", "whale"])
        assert grouped(taxonomy) == {"dog": ["dog", "pug"], "whale": ["whale"]}

    def test_leaves_under_several_are_refused_with_these(self):
        check_refused(
            "3 leaves lie under several coarse synsets: pug (pet, dog, mammal), goldfish "
            "(fish, pet), poodle (pet, dog, mammal). "
            "Settle it with several=nearest or several=first.",
            *(coarse_from_synsets, ANIMALS, LEAVES, ["fish", "pet", "dog", "mammal"]),
        )

    def test_the_first_of_several_is_taken_where_asked(self):
        coarse = ["pet", "fish", "mammal"]
        taxonomy = coarse_from_synsets(ANIMALS, LEAVES, coarse, several="first")
        assert grouped(taxonomy) == {
            "pet": ["pug", "goldfish", "poodle"],
            "fish": ["tench"],
            "mammal": ["wolf", "whale"],
        }

    def test_the_nearest_of_several_is_taken_where_asked(self):
        coarse = ["mammal", "canine", "animal"]
        taxonomy = coarse_from_synsets(ANIMALS, LEAVES[1:], coarse, several="nearest")
        assert grouped(taxonomy) == {
            "animal": ["tench", "goldfish"],
            "canine": ["wolf", "poodle"],
            "mammal": ["whale"],
        }
        # By its other parent a pug is nearer to pet than to canine.
        leaves = ["pug", "wolf"]
        taxonomy = coarse_from_synsets(ANIMALS, leaves, ["canine", "pet"], several="nearest")
        assert grouped(taxonomy) == {"pet": ["pug"], "canine": ["wolf"]}

    def test_leaves_that_have_two_nearest_are_refused_with_these(self):
        check_refused(
            "1 leaves are as near to one coarse synset as to another: goldfish (pet, fish). "
            "Settle it with several=first, or leave a coarse synset out.",
            *(coarse_from_synsets, ANIMALS, LEAVES, ["pet", "fish", "animal"], "nearest"),
        )

    def test_leaves_under_none_are_refused_with_these(self):
        check_refused(
            "2 leaves lie under none of the coarse synsets: tench, goldfish. "
            "Settle it with none=drop or none=rest.",
            *(coarse_from_synsets, ANIMALS, LEAVES, ["mammal"]),
        )

    def test_leaves_under_none_are_dropped_where_asked(self):
        taxonomy = coarse_from_synsets(ANIMALS, LEAVES, ["canine", "fish"], none="drop")
        assert grouped(taxonomy) == {
            "canine": ["pug", "wolf", "poodle"],
            "fish": ["tench", "goldfish"],
        }

    @pytest.mark.parametrize(("values", "name"), [({}, "rest"), ({"rest_name": "more"}, "more")])
    def test_leaves_under_none_make_a_class_of_their_own_where_asked(self, values, name):
        taxonomy = coarse_from_synsets(ANIMALS, LEAVES, ["canine"], none="rest", **values)
        assert grouped(taxonomy) == {
            "canine": ["pug", "wolf", "poodle"],
            name: ["tench", "goldfish", "whale"],
        }

    def test_that_take_no_leaf_are_refused(self):
        check_refused(
            "No leaf falls to 2 of the 3 coarse synsets: mammal, whale. Leave them out, or add "
            "leaves that lie under no nearer one.",
            *(coarse_from_synsets, ANIMALS, ["pug", "wolf"], ["mammal", "whale", "canine"]),
            several="nearest",
        )

    @pytest.mark.parametrize(
        ("coarse", "values", "message"),
        [
            ([], {}, "coarse is empty, expected synsets of the is-a edges."),
            (
                ["fish", "cat"],
                {},
                "coarse has 1 synsets that stand in none of the is-a edges: cat.",
            ),
            (["fish", "fish"], {}, "coarse has 1 synsets that stand several times: fish."),
            (
                ["animal"],
                {"several": "last"},
                "Unknown value of several 'last'. Known: error, nearest, first.",
            ),
            (
                ["animal"],
                {"none": "dropp"},
                "Unknown value of none 'dropp'. Known: error, drop, rest.",
            ),
            (
                ["animal"],
                {"rest_name": "more"},
                "rest_name is 'more' but none is 'error', expected 'rest'.",
            ),
            (
                ["canine"],
                {"none": "rest", "rest_name": "Hund", "names": {"canine": "Hund"}},
                "The class of the leaves under none is to be called 'Hund', as a coarse synset is. "
                "Choose another rest_name.",
            ),
        ],
    )
    def test_what_cannot_be_done_is_refused(self, coarse, values, message):
        check_refused(message, coarse_from_synsets, ANIMALS, LEAVES, coarse, **values)

    @pytest.mark.parametrize("several", ["nearest", "first"])
    @pytest.mark.parametrize("seed", range(4))
    def test_are_ancestors_chosen_by_the_rule(self, seed, several):
        is_a, leaves = random_hierarchy(seed)
        coarse = ["s7", "s3", "s2", "s1"]
        expected = {}
        for leaf in leaves:
            edges = {leaf: 0, **is_a.ancestors(leaf)}
            rank = {"nearest": edges.get, "first": coarse.index}[several]
            found = sorted((name for name in coarse if name in edges), key=rank)
            if len(found) < 2 or rank(found[0]) < rank(found[1]):  # Ties are refused.
                expected[leaf] = found[0] if found else "rest"
        coarse = [name for name in coarse if name in expected.values()]
        taxonomy = coarse_from_synsets(is_a, expected, coarse, several, none="rest")
        assert len(coarse) > 1
        assert {
            leaf: name for name, members in grouped(taxonomy).items() for leaf in members
        } == expected
