"""Other images in place of those that cannot be decoded."""

import json
import pathlib

import numpy as np

from coarse2fine.data import EncodedSource
from coarse2fine.data.partition import id_hashes
from coarse2fine.errors import InputError
from coarse2fine.files import write_text
from coarse2fine.training.plan import Plan


class BadImages:
    """Chooses an image of the same class and part for each that cannot be decoded, and lists them.

    The choice follows from the ids alone: the same one each time, whenever it is made. It is called
    as `EncodedSource.replace`, one call at a time.

    Args:
        plan: of the run; an image's part is one of its partition's.
        path: of the list, one JSON line an image, in the order of the images.
    """

    def __init__(self, plan: Plan, path: pathlib.Path):
        self._source = plan.source
        self._parts = [*vars(plan.partition).values()]
        self._path = path
        self._found: dict[int, dict[str, str]] = {}
        self._next: dict[int, int] = {}

    def __call__(self, index: int, reason: str) -> int:
        """The image to show in place of that at `index`.

        Raises:
            InputError: none of its class and part can be decoded.
        """
        if index not in self._next:
            self._next[index] = self._choose(index)
            ids = self._source.ids
            self._found[index] = {
                "image": self._where(index),
                "reason": reason,
                "replaced_by": str(ids[self._next[index]]),
            }
            lines = [self._found[i] for i in sorted(self._found)]
            write_text(self._path, "".join(json.dumps(line) + "\n" for line in lines))
        return self._next[index]

    def _choose(self, index: int) -> int:
        part = next((part for part in self._parts if index in part), np.array([index]))
        source = self._source
        level = source.fine if source.fine[index] >= 0 else source.coarse
        others = part[level[part] == level[index]]
        others = [int(i) for i in others if i != index and int(i) not in self._next]
        if not others:
            raise InputError(
                f"{self._where(index)} cannot be decoded, and no other image of its class and part "
                f"can. {len(self._found) + 1} such images are listed in {self._path}."
            )
        hashes = id_hashes(source.ids[others], f"replaces {source.ids[index]}")
        return others[int(np.argmin(hashes))]

    def _where(self, index: int) -> str:
        return self._source.where(index) if isinstance(self._source, EncodedSource) else str(index)
