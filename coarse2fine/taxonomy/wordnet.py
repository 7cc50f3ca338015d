"""Taxonomies from is-a edges such as WordNet's: three ways from leaves to coarse classes."""

import collections
import heapq
from collections.abc import Iterable, Mapping, Sequence

from coarse2fine.errors import InputError, check_known, listed
from coarse2fine.taxonomy.is_a import IsA
from coarse2fine.taxonomy.synset_names import distinct_names
from coarse2fine.taxonomy.taxonomy import Taxonomy, is_integer

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
    _check_synsets("leaves", leaves, is_a)
    _check_synsets("coarse", coarse, is_a)
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
        return _make_taxonomy(leaves, of_leaf, names, "rest" if rest_name is None else rest_name)
    return _make_taxonomy(tuple(of_leaf), of_leaf, names)


def cut_into(
    is_a: IsA, leaves: Iterable[str], num_coarse: int, names: Mapping[str, str] | None = None
) -> Taxonomy:
    """A taxonomy of about so many coarse classes, made by splitting the largest.

    The hierarchy is read as a tree, in which each synset hangs under the first of its parents. The
    cut begins with the leaves' common root as the only class. As long as there are fewer than
    `num_coarse`, the class with the most leaves (of equals the synset that sorts first) is split
    into its synset's children; a leaf with others below it then becomes a class of its own. So the
    last split may make more classes than asked for, and the order of the leaves decides nothing
    but the classes' numbers.

    Args:
        is_a: the edges.
        leaves: the fine classes' synsets, in their order; they are the `source_names`.
        num_coarse: the least number of coarse classes, at most one a leaf. The classes are
            numbered by the first leaf of each.
        names: of synsets; one without a name goes by itself. Where several synsets of one level
            have one name, their own follow it.

    Raises:
        InputError: leaves that repeat, that no edge names or that have no root in common; a
            `num_coarse` out of range.

    Example:
        >>> is_a = IsA({"dog": ("animal",), "fish": ("animal",), "pug": ("dog",), "pom": ("dog",)})
        >>> cut_into(is_a, ["pug", "fish", "pom"], num_coarse=2).children
        ((0, 2), (1,))
    """
    leaves = tuple(leaves)
    tree = _read_tree(is_a, leaves)
    if not is_integer(num_coarse) or not 1 <= num_coarse <= len(leaves):
        raise InputError(
            f"num_coarse is {num_coarse!r}, expected from 1 to {len(leaves)}, the number of leaves."
        )
    size = dict.fromkeys(tree, 0) | dict.fromkeys(leaves, 1)
    children: dict[str, list[str]] = collections.defaultdict(list)
    root, *others = tree
    for synset in reversed(others):
        size[tree[synset]] += size[synset]
        children[tree[synset]].append(synset)
    leaf_set = set(leaves)
    alone: set[str] = set()
    heap = [(-size[root], root)]
    while len(heap) + len(alone) < num_coarse:
        _, synset = heapq.heappop(heap)
        if synset in leaf_set:
            alone.add(synset)
        for child in children[synset]:
            heapq.heappush(heap, (-size[child], child))
    classes = alone.union(synset for _, synset in heap)
    of_synset: dict[str, str] = {}
    for synset, parent in tree.items():
        of_synset[synset] = synset if synset in classes else of_synset.get(parent, "")
    return _make_taxonomy(leaves, of_synset, names)


def cut_at_depth(
    is_a: IsA, leaves: Iterable[str], depth: int, names: Mapping[str, str] | None = None
) -> Taxonomy:
    """A taxonomy whose coarse classes all lie so many edges below the root.

    The hierarchy is read as a tree, in which each synset hangs under the first of its parents. A
    leaf that lies at this depth or above it is a coarse class of its own.

    Args:
        is_a: the edges.
        leaves: the fine classes' synsets, in their order; they are the `source_names`.
        depth: edges between the leaves' common root and the coarse classes; 0 for the root. The
            classes are numbered by the first leaf of each.
        names: of synsets; one without a name goes by itself. Where several synsets of one level
            have one name, their own follow it.

    Raises:
        InputError: leaves that repeat, that no edge names or that have no root in common; a
            negative `depth`.

    Example:
        >>> is_a = IsA({"dog": ("animal",), "fish": ("animal",), "pug": ("dog",), "pom": ("dog",)})
        >>> cut_at_depth(is_a, ["pug", "fish", "pom"], depth=1).coarse_names
        ('dog', 'fish')
    """
    leaves = tuple(leaves)
    tree = _read_tree(is_a, leaves)
    if not is_integer(depth) or depth < 0:
        raise InputError(f"depth is {depth!r}, expected 0 or more edges below the root.")
    depths: dict[str, int] = {}
    of_synset: dict[str, str] = {}
    for synset, parent in tree.items():
        depths[synset] = depths.get(parent, -1) + 1
        of_synset[synset] = synset if depths[synset] <= depth else of_synset[parent]
    return _make_taxonomy(leaves, of_synset, names)


def _check_synsets(what: str, synsets: Sequence[str], is_a: IsA) -> None:
    if not synsets:
        raise InputError(f"{what} is empty, expected synsets of the is-a edges.")
    counts = collections.Counter(synsets)
    for problem, found in (
        ("that stand several times", [synset for synset in counts if counts[synset] > 1]),
        ("that stand in none of the is-a edges", [name for name in counts if name not in is_a]),
    ):
        if found:
            raise InputError(f"{what} has {len(found)} synsets {problem}: {listed(found)}.")


def _coarse_above(is_a: IsA, coarse: Sequence[str]) -> dict[str, dict[str, int]]:
    """For each synset under coarse ones, these and the fewest edges up to each."""
    wanted = set(coarse)
    above: dict[str, dict[str, int]] = {}
    for synset in is_a.synsets:  # Each after its parents.
        found: dict[str, int] = {}
        for parent in is_a.parents.get(synset, ()):
            for name, edges in above.get(parent, {}).items():
                found[name] = min(edges + 1, found.get(name, edges + 1))
        if found:
            above[synset] = found
        if synset in wanted:
            above.setdefault(synset, {})[synset] = 0
    return above


def _candidates(
    is_a: IsA, leaves: Sequence[str], coarse: Sequence[str], several: str
) -> dict[str, list[str]]:
    """For each leaf the coarse synsets that it may fall to, in the order of `coarse`."""
    place = {synset: k for k, synset in enumerate(coarse)}
    above = _coarse_above(is_a, coarse)
    candidates = {}
    for leaf in leaves:
        edges = above.get(leaf, {})
        names = sorted(edges, key=place.__getitem__)
        if several == "first":
            names = names[:1]
        elif several == "nearest" and names:
            fewest = min(edges.values())
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


def _read_tree(is_a: IsA, leaves: Sequence[str]) -> dict[str, str]:
    """The leaves and all above them, top first, with the parent that each hangs under."""
    _check_synsets("leaves", leaves, is_a)
    tree: dict[str, str] = {}
    for leaf in leaves:
        way_up = []
        synset = leaf
        while synset and synset not in tree:
            way_up.append(synset)
            synset = next(iter(is_a.parents.get(synset, ())), "")
        for below in reversed(way_up):
            tree[below] = synset
            synset = below
    roots = [synset for synset, parent in tree.items() if not parent]
    if len(roots) > 1:
        raise InputError(
            f"The leaves have no root in common: their first parents lead up to {len(roots)} "
            f"synsets without a parent: {listed(roots)}. Add edges to one above these."
        )
    return tree


def _make_taxonomy(
    leaves: Sequence[str],
    of_leaf: Mapping[str, str],
    names: Mapping[str, str] | None,
    rest: str = "",
) -> Taxonomy:
    """Of these leaves; those without a coarse synset are put into the class named `rest`."""
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
