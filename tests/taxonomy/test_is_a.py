"""Is-a edges: their order, what lies above what, and cycles."""

import re

import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.taxonomy import IsA

DIAMOND = {"d": ("b", "c"), "b": ("a",), "c": ("b", "a"), "e": ("d",)}


def random_dag(seed, num_synsets=60):
    """Edges from each synset to some of those before it, in no order."""
    rng = np.random.default_rng(seed)
    parents = {
        f"s{k}": tuple(f"s{p}" for p in rng.permutation(k)[: rng.integers(1, 4)])
        for k in range(1, num_synsets)
    }
    return {name: parents[name] for name in rng.permutation(list(parents)).tolist()}


def check_refused(parents, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        IsA(parents)


def test_ancestors_are_given_with_the_fewest_edges_up_nearest_first():
    is_a = IsA(DIAMOND)
    assert list(is_a.ancestors("e").items()) == [("d", 1), ("b", 2), ("c", 2), ("a", 3)]
    assert is_a.ancestors("a") == {}


@pytest.mark.parametrize("seed", range(3))
def test_each_synset_follows_its_parents(seed):
    parents = random_dag(seed)
    is_a = IsA(parents)
    place = {name: k for k, name in enumerate(is_a.synsets)}
    assert place.keys() == {f"s{k}" for k in range(60)}
    assert all(place[p] < place[child] for child, above in parents.items() for p in above)


@pytest.mark.parametrize("seed", range(3))
def test_ancestors_are_those_of_the_parents_and_the_parents(seed):
    is_a = IsA(random_dag(seed))
    for name in is_a.synsets:
        above = is_a.parents.get(name, ())
        expected = set(above).union(*(is_a.ancestors(parent) for parent in above))
        edges = is_a.ancestors(name)
        assert edges.keys() == expected
        for ancestor, count in edges.items():
            ways = [{parent: 0, **is_a.ancestors(parent)} for parent in above]
            assert count == 1 + min(way[ancestor] for way in ways if ancestor in way)


def test_a_synset_is_known_wherever_an_edge_names_it():
    is_a = IsA(DIAMOND)
    assert "a" in is_a
    assert "e" in is_a
    assert "f" not in is_a
    with pytest.raises(InputError, match=r"^Synset 'f' stands in none of the is-a edges\.$"):
        is_a.ancestors("f")


def test_what_is_given_can_change_without_changing_the_edges():
    given = {"b": ["a"]}
    is_a = IsA(given)
    given["b"].append("c")
    given["d"] = ["a"]
    assert is_a.parents == {"b": ("a",)}


def test_a_text_is_not_taken_for_its_letters():
    check_refused(
        {"dog": ("animal",), "cat": "pet"},
        "The parents of 'cat' are the text 'pet', expected a tuple of synsets.",
    )


@pytest.mark.parametrize(
    ("parents", "cycle"),
    [
        ({"a": ("a",)}, "1, from child to parent: a, and back to a"),
        (
            {"x": ("a",), "a": ("top", "b"), "b": ("c",), "c": ("a",), "y": ("b",)},
            "3, from child to parent: a, b, c, and back to a",
        ),
        (
            {f"s{k}": (f"s{(k + 1) % 12}",) for k in range(12)},
            "12, from child to parent: s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, and 2 more, and "
            "back to s0",
        ),
    ],
)
def test_a_cycle_is_refused_with_its_members(parents, cycle):
    check_refused(
        parents, f"The is-a edges go round in a cycle of {cycle}. Take an edge of it out."
    )


def test_a_chain_of_any_length_is_followed():
    is_a = IsA({f"s{k}": (f"s{k + 1}",) for k in range(20_000)})
    assert is_a.ancestors("s0")["s20000"] == 20_000
