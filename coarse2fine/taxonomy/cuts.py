"""Taxonomies from is-a edges such as WordNet's, by cutting them, read as a tree, across."""

import collections
import heapq
from collections.abc import Iterable, Mapping, Sequence

from coarse2fine.errors import InputError, listed
from coarse2fine.taxonomy.is_a import IsA
from coarse2fine.taxonomy.synset_classes import check_synsets, make_taxonomy
from coarse2fine.taxonomy.taxonomy import Taxonomy, is_integer


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
    return make_taxonomy(leaves, of_synset, names)


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
    return make_taxonomy(leaves, of_synset, names)


def _read_tree(is_a: IsA, leaves: Sequence[str]) -> dict[str, str]:
    """The leaves and all above them, top first, with the parent that each hangs under."""
    check_synsets("leaves", leaves, is_a)
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
