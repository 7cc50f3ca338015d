"""What holds for every way from leaves to coarse classes, and all of them on WordNet."""

import pytest
from hierarchies import ANIMALS, LEAVES, check_refused, grouped

from coarse2fine.taxonomy import (
    IsA,
    coarse_from_synsets,
    cut_at_depth,
    cut_into,
    read_is_a,
    read_synsets,
)

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
