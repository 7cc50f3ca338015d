"""How large a taxonomy is, in words."""

from coarse2fine.taxonomy import Taxonomy, size_text


def test_the_first_of_the_largest_and_of_the_smallest_are_named():
    taxonomy = Taxonomy("abcdefg", ("p", "q", "r", "s"), (0, 1, 1, 2, 2, 3, 0))
    assert size_text(taxonomy) == (
        "Coarse classes: 4. Fine classes: 7.\n"
        "Fine classes of the largest coarse class, p: 2. Of the smallest, s: 1."
    )
