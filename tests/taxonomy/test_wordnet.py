"""Three ways from leaves to coarse classes, on small hierarchies, random ones and WordNet."""

import re

import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.taxonomy import (
    IsA,
    Taxonomy,
    coarse_from_synsets,
    cut_at_depth,
    cut_into,
    read_is_a,
    read_synsets,
)

# A pug hangs under dog first; pet is its other parent.
ANIMALS = IsA(
    {
        "fish": ("animal",),
        "mammal": ("animal",),
        "pet": ("animal",),
        "tench": ("fish",),
        "goldfish": ("fish", "pet"),
        "canine": ("mammal",),
        "dog": ("canine", "pet"),
        "wolf": ("canine",),
        "pug": ("dog", "pet"),
        "poodle": ("dog",),
        "whale": ("mammal",),
    }
)
LEAVES = ("pug", "tench", "wolf", "goldfish", "poodle", "whale")


def grouped(taxonomy):
    """From each coarse name to its children's source names."""
    return {
        name: [taxonomy.source_names[f] for f in members]
        for name, members in zip(taxonomy.coarse_names, taxonomy.children, strict=True)
    }


def random_hierarchy(seed, num_synsets=80, num_leaves=30):
    """A hierarchy with one root, and leaves some of which lie above others."""
    rng = np.random.default_rng(seed)
    is_a = IsA(
        {
            f"s{k}": tuple(f"s{p}" for p in rng.permutation(k)[: rng.integers(1, 3)])
            for k in range(1, num_synsets)
        }
    )
    return is_a, [f"s{k}" for k in rng.permutation(num_synsets)[:num_leaves]]


def first_way_up(is_a, synset):
    """A synset and what its first parents lead up to."""
    way = [synset]
    while way[-1] in is_a.parents:
        way.append(is_a.parents[way[-1]][0])
    return way


def check_refused(message, way, *arguments, **values):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        way(*arguments, **values)


WAYS = [
    (coarse_from_synsets, ["animal"]),
    (cut_into, 2),
    (cut_at_depth, 1),
]


class TestEveryWay:
    @pytest.mark.parametrize(("way", "how"), WAYS)
    def test_keeps_the_leaves_in_their_order(self, way, how):
        taxonomy = way(ANIMALS, iter(LEAVES), how)
        assert taxonomy.fine_names == taxonomy.source_names == LEAVES

    @pytest.mark.parametrize(("way", "how"), WAYS)
    def test_names_classes_where_names_are_given(self, way, how):
        names = {"pug": "Mops", "whale": "Mops", "animal": "Tier", "fish": "Fisch", "crow": "Rabe"}
        taxonomy = way(ANIMALS, LEAVES, how, names=names)
        plain = way(ANIMALS, LEAVES, how)
        assert taxonomy.fine_names == (
            *("Mops (pug)", "tench", "wolf", "goldfish", "poodle", "Mops (whale)"),
        )
        assert taxonomy.coarse_names == tuple(names.get(name, name) for name in plain.coarse_names)
        assert taxonomy.coarse_names != plain.coarse_names
        assert taxonomy.source_names == LEAVES
        assert taxonomy.parent == plain.parent

    def test_tells_coarse_classes_of_one_name_apart(self):
        taxonomy = cut_at_depth(ANIMALS, LEAVES, 1, names={"fish": "beast", "mammal": "beast"})
        assert taxonomy.coarse_names == ("beast (mammal)", "beast (fish)")

    @pytest.mark.parametrize(("way", "how"), WAYS)
    @pytest.mark.parametrize(
        ("leaves", "message"),
        [
            ((), "leaves is empty, expected synsets of the is-a edges."),
            (
                ("pug", "wolf", "pug", "cat"),
                "leaves has 1 synsets that stand several times: pug.",
            ),
            (
                ("pug", *(f"n{k}" for k in range(12))),
                "leaves has 12 synsets that stand in none of the is-a edges: "
                "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, and 2 more.",
            ),
        ],
    )
    def test_refuses_leaves_that_it_cannot_place(self, way, how, leaves, message):
        check_refused(message, way, ANIMALS, leaves, how)

    @pytest.mark.parametrize("way", [cut_into, cut_at_depth])
    def test_refuses_leaves_without_a_common_root(self, way):
        is_a = IsA({**ANIMALS.parents, "oak": ("plant",)})
        check_refused(
            "The leaves have no root in common: their first parents lead up to 2 synsets without a "
            "parent: animal, plant. Add edges to one above these.",
            *(way, is_a, [*LEAVES, "oak"], 1),
        )

    def test_follows_a_chain_of_any_length(self):
        chain = {f"s{k}": (f"s{k + 1}",) for k in range(5_000)}
        is_a = IsA({**chain, "b": ("s9",)})
        leaves = ["s0", "b"]
        assert grouped(cut_into(is_a, leaves, 2)) == {"s8": ["s0"], "b": ["b"]}
        assert grouped(cut_at_depth(is_a, leaves, 4_992)) == {"s8": ["s0"], "b": ["b"]}
        assert grouped(coarse_from_synsets(is_a, leaves, ["s5000"])) == {"s5000": leaves}


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


class TestCutIntoSoMany:
    def test_splits_the_largest_class_into_its_children(self):
        # animal 6: fish 2 and mammal 4; mammal: canine 3 and whale; canine: dog 2 and wolf.
        cuts = {k: grouped(cut_into(ANIMALS, LEAVES, k)) for k in range(1, 5)}
        assert cuts[1] == {"animal": list(LEAVES)}
        assert cuts[2] == {
            "mammal": ["pug", "wolf", "poodle", "whale"],
            "fish": ["tench", "goldfish"],
        }
        assert cuts[3] == {
            "canine": ["pug", "wolf", "poodle"],
            "fish": ["tench", "goldfish"],
            "whale": ["whale"],
        }
        assert cuts[4] == {
            "dog": ["pug", "poodle"],
            "fish": ["tench", "goldfish"],
            "wolf": ["wolf"],
            "whale": ["whale"],
        }

    def test_of_equal_classes_splits_the_one_that_sorts_first(self):
        taxonomy = cut_into(ANIMALS, LEAVES, 5)
        assert set(taxonomy.coarse_names) == {"fish", "pug", "poodle", "wolf", "whale"}

    def test_makes_more_classes_than_asked_for_where_the_last_split_does(self):
        is_a = IsA({name: ("all",) for name in "abcd"})
        assert cut_into(is_a, "abcd", 2).num_coarse == 4

    def test_gives_a_leaf_above_others_a_class_of_its_own(self):
        leaves = ["pug", "dog", "poodle", "wolf"]
        assert grouped(cut_into(ANIMALS, leaves, 2)) == {
            "dog": ["pug", "dog", "poodle"],
            "wolf": ["wolf"],
        }
        assert grouped(cut_into(ANIMALS, leaves, 3)) == {name: [name] for name in leaves}

    @pytest.mark.parametrize("seed", range(4))
    def test_puts_every_leaf_under_the_nearest_class_on_its_first_way_up(self, seed):
        is_a, leaves = random_hierarchy(seed)
        for num_coarse in (1, 2, 5, 11, len(leaves)):
            taxonomy = cut_into(is_a, leaves, num_coarse)
            assert taxonomy.num_coarse >= num_coarse
            assert taxonomy.source_names == tuple(leaves)
            for name, members in grouped(taxonomy).items():
                for leaf in members:
                    way = first_way_up(is_a, leaf)
                    assert name == next(s for s in way if s in taxonomy.coarse_names)

    @pytest.mark.parametrize("seed", range(4))
    def test_does_not_depend_on_the_leaves_order(self, seed):
        is_a, leaves = random_hierarchy(seed)
        cuts = [grouped(cut_into(is_a, order, 7)) for order in (leaves, sorted(leaves))]
        first, second = ({k: sorted(members) for k, members in cut.items()} for cut in cuts)
        assert first == second

    @pytest.mark.parametrize("seed", range(4))
    def test_is_refined_by_a_cut_into_more(self, seed):
        is_a, leaves = random_hierarchy(seed)
        coarser, finer = (np.array(cut_into(is_a, leaves, k).parent) for k in (4, 9))
        assert len(set(zip(coarser, finer, strict=True))) == len(set(finer)) > len(set(coarser))

    @pytest.mark.parametrize("num_coarse", [0, -1, 7, 2.5, True, "2"])
    def test_refuses_numbers_out_of_range(self, num_coarse):
        check_refused(
            f"num_coarse is {num_coarse!r}, expected from 1 to 6, the number of leaves.",
            *(cut_into, ANIMALS, LEAVES, num_coarse),
        )


class TestCutAtDepth:
    def test_gives_the_synsets_there_and_the_leaves_above(self):
        cuts = [grouped(cut_at_depth(ANIMALS, LEAVES, depth)) for depth in range(4)]
        assert cuts[0] == {"animal": list(LEAVES)}
        assert cuts[1] == {
            "mammal": ["pug", "wolf", "poodle", "whale"],
            "fish": ["tench", "goldfish"],
        }
        assert cuts[2] == {
            "canine": ["pug", "wolf", "poodle"],
            **{name: [name] for name in ("tench", "goldfish", "whale")},
        }
        assert cuts[3] == {
            "dog": ["pug", "poodle"],
            **{name: [name] for name in ("tench", "wolf", "goldfish", "whale")},
        }

    @pytest.mark.parametrize("seed", range(4))
    def test_takes_each_class_from_the_first_way_up(self, seed):
        is_a, leaves = random_hierarchy(seed)
        for depth in (0, 1, 3, 6, 80):
            taxonomy = cut_at_depth(is_a, leaves, depth)
            assert taxonomy.source_names == tuple(leaves)
            for leaf, k in zip(leaves, taxonomy.parent, strict=True):
                way_down = first_way_up(is_a, leaf)[::-1]
                assert taxonomy.coarse_names[k] == way_down[: depth + 1][-1]

    @pytest.mark.parametrize("depth", [-1, 1.5, True, None])
    def test_refuses_what_is_no_depth(self, depth):
        check_refused(
            f"depth is {depth!r}, expected 0 or more edges below the root.",
            *(cut_at_depth, ANIMALS, LEAVES, depth),
        )


@pytest.fixture(scope="module")
def wordnet(data_dir):
    return read_is_a(data_dir / "hierarchy" / "wordnet3.0_noun_is_a.tsv")


@pytest.fixture(scope="module")
def sample(data_dir):
    return read_synsets(data_dir / "imagenet_sample" / "classes.tsv")


class TestWordNet:
    def test_is_read_whole(self, wordnet):
        assert sum(map(len, wordnet.parents.values())) == 84_427
        assert wordnet.synsets[0] == "n00001740"

    def test_has_the_samples_classes_under_canine_fish_and_artifact(self, wordnet, sample):
        coarse = ["n02083346", "n02512053", "n00021939"]
        sizes = {
            k: len(v) for k, v in grouped(coarse_from_synsets(wordnet, sample, coarse)).items()
        }
        assert sizes == dict(zip(coarse, (11, 1, 8), strict=True))

    def test_has_first_parents_that_hold_dogs_together(self, wordnet, sample):
        cut = grouped(cut_at_depth(wordnet, sample, 12))
        assert len(cut["n02083346"]) == 11  # canine
        cut = grouped(cut_at_depth(wordnet, sample, 13))
        assert len(cut["n02084071"]) == 10  # dog
        assert cut["n02115335"] == ["n02115641"]  # wild dog, with the dingo

    def test_is_cut_into_coarse_classes_that_are_ancestors(self, wordnet, sample):
        for taxonomy in (cut_into(wordnet, sample, 6), cut_at_depth(wordnet, sample, 7)):
            assert 6 <= taxonomy.num_coarse < len(sample)
            for leaf, k in zip(sample, taxonomy.parent, strict=True):
                assert taxonomy.coarse_names[k] in {leaf, *wordnet.ancestors(leaf)}
