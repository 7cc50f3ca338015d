"""Images in files."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from coarse2fine.data.decoded_cache import Origin
from coarse2fine.data.encoded_source import EncodedSource
from coarse2fine.data.views import CenterCrop
from coarse2fine.errors import InputError, listed, shown
from coarse2fine.taxonomy import Taxonomy

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp")


@dataclasses.dataclass(frozen=True)
class FileTable:
    """Image files and what is known of them, one split after the other.

    Attributes:
        paths: `(n,)` texts as objects, which take less memory than an array of fixed width: paths
            below a folder, with `/` between their parts.
        fine: `(n,)` fine labels, -1 where there is none.
        coarse: `(n,)` coarse labels.
        split: `(n,)` names of splits; empty texts where there are no splits.
        taxonomy: of the labels.
        dropped: for each split and class that the taxonomy does not name, how many files were left
            out.
    """

    paths: np.ndarray
    fine: np.ndarray
    coarse: np.ndarray
    split: np.ndarray
    taxonomy: Taxonomy
    dropped: dict[str, dict[str, int]]


class FileSource(EncodedSource):
    """Images in the files of a folder, read one by one.

    Args:
        root: the folder.
        paths: `(n,)` paths of files below it; they are the images' ids.
        taxonomy: of the labels.
        fine: `(n,)` fine labels, -1 where an image has none.
        coarse: `(n,)` coarse labels.
        view: of images for evaluation.
    """

    def __init__(
        self,
        root: str | pathlib.Path,
        paths: np.ndarray,
        taxonomy: Taxonomy,
        fine: np.ndarray,
        coarse: np.ndarray,
        view: CenterCrop,
    ):
        super().__init__(taxonomy, fine, paths, view, coarse)
        self.root = pathlib.Path(root)

    def encoded(self, index: int) -> bytes:
        """Reads the file."""
        with open(f"{self.root}/{self.ids[index]}", "rb", buffering=0) as file:
            return file.readall()

    def origin(self, index: int) -> Origin:
        """The file with its size and times."""
        path = os.path.abspath(self.root / str(self.ids[index]))
        found = os.stat(path)
        return Origin(path, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def where(self, index: int) -> str:
        """The file's path."""
        return shown(self.root / str(self.ids[index]))


def check_none(what: str, where: pathlib.Path, problems: Sequence[str], advice: str) -> None:
    """Raises `InputError` with the number of problems and the first ten, unless there are none."""
    if problems:
        found = listed(problems, "; ")
        raise InputError(f"{shown(where)}: {what} ({len(problems):,}): {found}. {advice}")
