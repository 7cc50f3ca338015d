"""Which synset is a kind of which."""

import collections
import dataclasses
import functools
from collections.abc import Mapping

from coarse2fine.errors import InputError, listed


@dataclasses.dataclass(frozen=True)
class IsA:
    """Is-a edges between synsets, where one may have several parents.

    For hierarchies such as WordNet's, of which a taxonomy takes two levels.

    Args:
        parents: for each synset its parents. The order counts: where one parent is to stand for
            all, it is the first.

    Raises:
        InputError: parents that are one text, not several, or edges that go round in a cycle; the
            message lists its members.

    Example:
        >>> is_a = IsA({"dog": ("canine", "pet"), "canine": ("animal",), "pet": ("animal",)})
        >>> is_a.ancestors("dog")
        {'canine': 1, 'pet': 1, 'animal': 2}
        >>> is_a.synsets
        ('animal', 'canine', 'pet', 'dog')
    """

    parents: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        for child, above in self.parents.items():
            if isinstance(above, str):
                raise InputError(
                    f"The parents of {child!r} are the text {above!r}, expected a tuple of synsets."
                )
        parents = {child: tuple(above) for child, above in self.parents.items()}
        object.__setattr__(self, "parents", parents)
        if len(self.synsets) < len(self._children):
            cycle = self._find_cycle()
            raise InputError(
                f"The is-a edges go round in a cycle of {len(cycle)}, from child to parent: "
                f"{listed(cycle)}, and back to {cycle[0]}. Take an edge of it out."
            )

    @functools.cached_property
    def synsets(self) -> tuple[str, ...]:
        """All of them, each after its parents."""
        missing = {name: len(self.parents.get(name, ())) for name in self._children}
        ordered = [name for name, count in missing.items() if not count]
        for name in ordered:  # It grows while it is read.
            for child in self._children[name]:
                missing[child] -= 1
                if not missing[child]:
                    ordered.append(child)
        return tuple(ordered)

    @functools.cached_property
    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for child, parents in self.parents.items():
            children.setdefault(child, [])
            for parent in parents:
                children.setdefault(parent, []).append(child)
        return children

    def _find_cycle(self) -> list[str]:
        # What has no place in the order is on a cycle or below one, so that the way up from there
        # ends in one.
        left = self._children.keys() - set(self.synsets)
        name = next(name for name in self._children if name in left)
        place: dict[str, int] = {}
        while name not in place:
            place[name] = len(place)
            name = next(parent for parent in self.parents[name] if parent in left)
        return list(place)[place[name] :]

    def __contains__(self, name: str) -> bool:
        return name in self._children

    def ancestors(self, name: str) -> dict[str, int]:
        """The synsets above one, nearest first, and the fewest edges up to each.

        Raises:
            InputError: a synset that no edge names.
        """
        if name not in self:
            raise InputError(f"Synset {name!r} stands in none of the is-a edges.")
        edges = {name: 0}
        queue = collections.deque([name])
        while queue:
            below = queue.popleft()
            for parent in self.parents.get(below, ()):
                if parent not in edges:
                    edges[parent] = edges[below] + 1
                    queue.append(parent)
        del edges[name]
        return edges
