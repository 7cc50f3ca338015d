"""The two levels of classes and the map between them."""

import collections
import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from coarse2fine.errors import InputError


@dataclasses.dataclass(frozen=True)
class Taxonomy:
    """Fine classes, coarse classes, and each fine class's coarse class.

    Args:
        fine_names: `num_fine` distinct names.
        coarse_names: `num_coarse` distinct names.
        parent: `num_fine` indices into `coarse_names`; `parent[f]` is fine class f's coarse class.
        source_names: `num_fine` distinct names: what a data set calls each fine class. By default
            `fine_names`. They only say how a data set is read, and are no part of the fingerprint.

    Raises:
        InputError: names that repeat or are empty, a parent out of range, or a coarse class without
            a fine class. One message lists everything that is wrong.

    Example:
        >>> pets = Taxonomy(("siamese", "persian", "beagle"), ("cat", "dog"), (0, 0, 1))
        >>> pets.children
        ((0, 1), (2,))
    """

    fine_names: tuple[str, ...]
    coarse_names: tuple[str, ...]
    parent: tuple[int, ...]
    source_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, tuple(getattr(self, field.name)))
        problems = [
            *_name_problems("fine class", self.fine_names),
            *_name_problems("coarse class", self.coarse_names),
            *self._parent_problems(),
            *self._source_name_problems(),
        ]
        if problems:
            raise InputError("The taxonomy cannot be used: " + "; ".join(problems) + ".")
        object.__setattr__(self, "parent", tuple(map(int, self.parent)))
        if not self.source_names:
            object.__setattr__(self, "source_names", self.fine_names)

    def _parent_problems(self) -> list[str]:
        if len(self.parent) != len(self.fine_names):
            return [f"{len(self.fine_names)} fine classes but {len(self.parent)} parents"]
        problems = [
            f"fine class {name!r} has parent {parent!r}, expected an index below {self.num_coarse}"
            for name, parent in zip(self.fine_names, self.parent, strict=True)
            if not is_integer(parent) or not 0 <= parent < self.num_coarse
        ]
        childless = sorted(set(range(self.num_coarse)) - set(self.parent)) if not problems else []
        return problems + [
            f"coarse class {self.coarse_names[k]!r} has no children" for k in childless
        ]

    def _source_name_problems(self) -> list[str]:
        if self.source_names in ((), self.fine_names):
            return []
        num_names = len(self.source_names)
        if num_names != len(self.fine_names):
            return [f"{len(self.fine_names)} fine classes but {num_names} source names"]
        return _name_problems("source name", self.source_names)

    @classmethod
    def from_pairs(
        cls, pairs: Iterable[tuple[str, str]], source_names: Iterable[str] = ()
    ) -> "Taxonomy":
        """From (fine name, coarse name) pairs; both levels in order of first appearance."""
        pairs = list(pairs)
        coarse_index = {name: k for k, name in enumerate(dict.fromkeys(c for _, c in pairs))}
        return cls(
            tuple(fine for fine, _ in pairs),
            tuple(coarse_index),
            tuple(coarse_index[coarse] for _, coarse in pairs),
            tuple(source_names),
        )

    @property
    def num_fine(self) -> int:
        """Number of fine classes."""
        return len(self.fine_names)

    @property
    def num_coarse(self) -> int:
        """Number of coarse classes."""
        return len(self.coarse_names)

    @functools.cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """For each coarse class its fine classes, in rising order."""
        members: list[list[int]] = [[] for _ in self.coarse_names]
        for fine, coarse in enumerate(self.parent):
            members[coarse].append(fine)
        return tuple(map(tuple, members))

    def coarsen(self, fine: Any) -> np.ndarray:
        """Maps fine labels of any shape to coarse labels; -1, no label, stays -1."""
        fine = integer_labels("Fine labels", fine)
        if fine.size and not -1 <= fine.min() <= fine.max() < self.num_fine:
            raise InputError(
                f"Fine labels {fine.min()} to {fine.max()} are given, expected -1 (none) to "
                f"{self.num_fine - 1}."
            )
        return np.append(np.asarray(self.parent, np.int64), -1)[fine]

    def subset(self, coarse_names: Iterable[str]) -> "Taxonomy":
        """Only these coarse classes and their children, each level in its old order."""
        wanted = set(coarse_names)
        self._check_names("coarse", wanted, self.coarse_names)
        return self.regroup(
            {
                name: [self.fine_names[f] for f in members]
                for name, members in zip(self.coarse_names, self.children, strict=True)
                if name in wanted
            }
        )

    def regroup(self, groups: Mapping[str, Iterable[str]]) -> "Taxonomy":
        """The same fine classes, in their old order, under other coarse ones.

        Args:
            groups: for each new coarse name the fine names below it; fine classes that no group
                names are dropped.
        """
        pairs = [(fine, k) for k, members in enumerate(groups.values()) for fine in members]
        self._check_names("fine", {fine for fine, _ in pairs}, self.fine_names)
        order = {name: f for f, name in enumerate(self.fine_names)}
        pairs.sort(key=lambda pair: order[pair[0]])
        return Taxonomy(
            tuple(fine for fine, _ in pairs),
            tuple(groups),
            tuple(coarse for _, coarse in pairs),
            tuple(self.source_names[order[fine]] for fine, _ in pairs),
        )

    def _check_names(self, level: str, names: Iterable[str], known: tuple[str, ...]) -> None:
        unknown = sorted(set(names) - set(known))
        if unknown:
            raise InputError(
                f"Unknown {level} classes {', '.join(map(repr, unknown))}. "
                f"Known: {', '.join(known)}."
            )

    @functools.cached_property
    def fingerprint(self) -> str:
        """A SHA-256 of both levels' names and the parents: equal only where they are."""
        classes = {name: getattr(self, name) for name in ("fine_names", "coarse_names", "parent")}
        text = json.dumps(classes, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def check_same(self, fingerprint: str, where: str) -> None:
        """Raises `InputError` unless `fingerprint`, found at `where`, is this taxonomy's."""
        if fingerprint != self.fingerprint:
            raise InputError(
                f"{where} was made with another taxonomy: its fingerprint is {fingerprint[:12]}, "
                f"expected {self.fingerprint[:12]} ({self.num_fine} fine and {self.num_coarse} "
                "coarse classes). Use the taxonomy that it was made with."
            )


def is_integer(value: object) -> bool:
    """Whether a value is a whole number; True and False are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def integer_labels(what: str, labels: Any) -> np.ndarray:
    """Labels as int64; raises `InputError` where they are no whole numbers."""
    labels = np.asarray(labels)
    is_whole = labels.dtype.kind in "iu"
    if labels.dtype.kind == "f":
        is_whole = bool(np.isfinite(labels).all() and (labels == np.rint(labels)).all())
    if not is_whole:
        raise InputError(f"{what} are {labels.dtype.name}, expected whole numbers.")
    return labels.astype(np.int64)


def is_utf8(name: str) -> bool:
    """Whether UTF-8 has a name's characters; it has no half of a surrogate pair, as JSON has."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _name_problems(what: str, names: tuple[str, ...]) -> list[str]:
    if not names:
        return [f"no {what}es"]
    problems = [
        f"{what} {k} is {name!r}, expected a non-empty text"
        for k, name in enumerate(names)
        if not isinstance(name, str) or not name.strip()
    ]
    problems += [
        f"{what} {k} is {name!r}, expected characters that UTF-8 has"
        for k, name in enumerate(names)
        if isinstance(name, str) and not is_utf8(name)
    ]
    counts = collections.Counter(name for name in names if isinstance(name, str))
    problems += [f"{what} {n!r} stands {c} times" for n, c in counts.items() if c > 1]
    return problems
