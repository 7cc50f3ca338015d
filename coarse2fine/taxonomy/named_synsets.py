"""Taxonomies from is-a edges such as WordNet's, by naming the coarse synsets."""

from collections.abc import Iterable, Mapping, Sequence

from coarse2fine.errors import InputError, check_known, listed
from coarse2fine.taxonomy.is_a import IsA
from coarse2fine.taxonomy.synset_classes import check_synsets, make_taxonomy
from coarse2fine.taxonomy.taxonomy import Taxonomy

SEVERAL = ("error", "nearest", "first")
NONE = ("error", "drop", "rest")


def coarse_from_synsets(
    is_a: IsA,
    leaves: Iterable[str],
    coarse: Iterable[str],
    several: str = "error",
    none: str = "error",
    rest_name: str | None = None,
    names: Mapping[str, str] | None = None,
) -> Taxonomy:
    """A taxonomy whose coarse classes are synsets that you name.

    A leaf belongs to the coarse synset that it lies under, by any of its parents; a leaf that is
    one itself belongs to it.

    Args:
        is_a: the edges.
        leaves: the fine classes' synsets, in their order; they are the `source_names`.
        coarse: the coarse classes' synsets. The classes are numbered by the first leaf of each.
        several: what to do with a leaf under several of them: `"error"`; `"nearest"`, the one with
            the fewest edges between; `"first"`, the first in the order of `coarse`.
        none: what to do with a leaf under none of them: `"error"`; `"drop"`; `"rest"`, one more
            coarse class of all these.
        rest_name: that class's name, by default `rest`.
        names: of synsets; one without a name goes by itself. Where several synsets of one level
            have one name, their own follow it.

    Raises:
        InputError: synsets that repeat or that no edge names; leaves under several or none, unless
            settled; a coarse synset to which no leaf falls.

    Example:
        >>> is_a = IsA({"tench": ("fish",), "pug": ("dog",), "poodle": ("dog", "show dog")})
        >>> coarse_from_synsets(is_a, ["pug", "tench", "poodle"], ["fish", "dog"]).coarse_names
        ('dog', 'fish')
    """
    leaves, coarse = tuple(leaves), tuple(coarse)
    check_synsets("leaves", leaves, is_a)
    check_synsets("coarse", coarse, is_a)
    check_known("value of several", several, SEVERAL)
    check_known("value of none", none, NONE)
    if rest_name is not None and none != "rest":
        raise InputError(f"rest_name is {rest_name!r} but none is {none!r}, expected 'rest'.")
    candidates = _candidates(is_a, leaves, coarse, several)
    _check_settled(candidates, several, none)
    of_leaf = {leaf: found[0] for leaf, found in candidates.items() if found}
    chosen = set(of_leaf.values())
    if childless := [synset for synset in coarse if synset not in chosen]:
        raise InputError(
            f"No leaf falls to {len(childless)} of the {len(coarse)} coarse synsets: "
            f"{listed(childless)}. Leave them out, or add leaves that lie under no nearer one."
        )
    if none == "rest":
        return make_taxonomy(leaves, of_leaf, names, "rest" if rest_name is None else rest_name)
    return make_taxonomy(tuple(of_leaf), of_leaf, names)


def _candidates(
    is_a: IsA, leaves: Sequence[str], coarse: Sequence[str], several: str
) -> dict[str, list[str]]:
    """For each leaf the coarse synsets that it may fall to, in the order of `coarse`."""
    place = {synset: k for k, synset in enumerate(coarse)}
    candidates = {}
    for leaf in leaves:
        edges = {leaf: 0, **is_a.ancestors(leaf)}
        names = sorted(edges.keys() & place.keys(), key=place.__getitem__)
        if several == "first":
            names = names[:1]
        elif several == "nearest" and names:
            fewest = min(edges[name] for name in names)
            names = [name for name in names if edges[name] == fewest]
        candidates[leaf] = names
    return candidates


def _check_settled(candidates: Mapping[str, Sequence[str]], several: str, none: str) -> None:
    contested = [f"{leaf} ({', '.join(c)})" for leaf, c in candidates.items() if len(c) > 1]
    if contested and several == "nearest":
        raise InputError(
            f"{len(contested)} leaves are as near to one coarse synset as to another: "
            f"{listed(contested)}. Settle it with several=first, or leave a coarse synset out."
        )
    if contested:
        raise InputError(
            f"{len(contested)} leaves lie under several coarse synsets: {listed(contested)}. "
            "Settle it with several=nearest or several=first."
        )
    outside = [leaf for leaf, c in candidates.items() if not c]
    if outside and none == "error":
        raise InputError(
            f"{len(outside)} leaves lie under none of the coarse synsets: {listed(outside)}. "
            "Settle it with none=drop or none=rest."
        )
