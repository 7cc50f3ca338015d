"""Names of synsets: readable, and no two the same."""

import pytest

from coarse2fine.taxonomy.synset_names import distinct_names, short_names


def test_names_that_differ_stay():
    assert distinct_names(["n1", "n2"], ["dog", "cat"]) == ["dog", "cat"]


def test_all_who_share_a_name_show_their_synset():
    assert distinct_names(["n1", "n2", "n3"], ["cap", "dog", "cap"]) == [
        *("cap (n1)", "dog", "cap (n3)")
    ]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["dog, domestic dog", "cat, true cat"], ["dog", "cat"]),
        (["cap", "cap, hood", "dog"], ["cap", "cap, hood", "dog"]),
        (["cap, a, b", "cap, a, c", "cap, d"], ["cap, a, b", "cap, a, c", "cap, d"]),
        (["cap, a", "cap, a", "cap"], ["cap, a (n0)", "cap, a (n1)", "cap"]),
    ],
)
def test_as_many_words_are_used_as_tell_synsets_apart(words, names):
    assert short_names([f"n{k}" for k in range(len(words))], words) == names
