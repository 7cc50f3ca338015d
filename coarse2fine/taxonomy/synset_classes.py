"""What all ways from leaves to coarse classes begin and end with."""

import collections
from collections.abc import Mapping, Sequence

from coarse2fine.errors import InputError, listed
from coarse2fine.taxonomy.is_a import IsA
from coarse2fine.taxonomy.synset_names import distinct_names
from coarse2fine.taxonomy.taxonomy import Taxonomy


def check_synsets(what: str, synsets: Sequence[str], is_a: IsA) -> None:
    """Raises `InputError` for no synsets, and for those that repeat or that no edge names."""
    if not synsets:
        raise InputError(f"{what} is empty, expected synsets of the is-a edges.")
    counts = collections.Counter(synsets)
    for problem, found in (
        ("that stand several times", [synset for synset in counts if counts[synset] > 1]),
        ("that stand in none of the is-a edges", [name for name in counts if name not in is_a]),
    ):
        if found:
            raise InputError(f"{what} has {len(found)} synsets {problem}: {listed(found)}.")


def make_taxonomy(
    leaves: Sequence[str],
    of_leaf: Mapping[str, str],
    names: Mapping[str, str] | None,
    rest: str = "",
) -> Taxonomy:
    """The taxonomy of leaves and the coarse synset of each.

    Args:
        leaves: the fine classes' synsets, in their order.
        of_leaf: from them to coarse synsets; what it names beside them does not count.
        names: of synsets; one without a name goes by itself.
        rest: name of the coarse class of leaves that `of_leaf` lacks.
    """
    names = names or {}
    coarse = list(dict.fromkeys(of_leaf[leaf] for leaf in leaves if leaf in of_leaf))
    coarse_names = dict(
        zip(coarse, distinct_names(coarse, [names.get(k, k) for k in coarse]), strict=True)
    )
    if rest in coarse_names.values():
        raise InputError(
            f"The class of the leaves under none is to be called {rest!r}, as a coarse synset is. "
            "Choose another rest_name."
        )
    fine_names = distinct_names(leaves, [names.get(leaf, leaf) for leaf in leaves])
    parents = [coarse_names[of_leaf[leaf]] if leaf in of_leaf else rest for leaf in leaves]
    return Taxonomy.from_pairs(zip(fine_names, parents, strict=True), leaves)
