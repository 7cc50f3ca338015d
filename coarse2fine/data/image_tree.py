"""Image files as they lie in folders."""

import collections
import dataclasses
import os
import pathlib

import numpy as np

from coarse2fine.data.file_source import SUFFIXES, check_none
from coarse2fine.errors import InputError, reason_of, shown
from coarse2fine.taxonomy.taxonomy import is_utf8

# Folders that hold a split, by their names.
SPLIT_FOLDERS = {"train": "train", "test": "test", "val": "test", "validation": "test"}

_MOST_LEVELS = 2


@dataclasses.dataclass(frozen=True)
class ImageTree:
    """The image files below a folder.

    Attributes:
        root: the folder.
        folders: of classes, also those without images: each one's split, an empty text where there
            are no splits, and the names of its classes, from coarse to fine.
        paths: of the images, below the root, with `/` between their parts.
        folder_of_path: `(len(paths),)` for each image the position of its folder in `folders`.
        states: for each folder that was listed, by its path below the root, what `folder_state`
            gave before.
    """

    root: pathlib.Path
    folders: list[tuple[str, tuple[str, ...]]]
    paths: list[str]
    folder_of_path: np.ndarray
    states: dict[str, tuple[int, int, int]]

    def flat_splits(self) -> set[str]:
        """The splits whose classes have one level."""
        deep = {split for split, classes in self.folders if len(classes) > 1}
        return {split for split, _ in self.folders} - deep


def folder_state(path: str | pathlib.Path) -> tuple[int, int, int]:
    """What differs once an entry of a folder has been added, removed or renamed.

    Returns:
        When its entries last changed and when the folder itself did, in nanoseconds, and a number
        that tells it from other folders.
    """
    found = os.stat(path)
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino % 2**63


def scan_images(root: pathlib.Path, check_sizes: bool = True) -> ImageTree:
    """Finds the image files below a folder.

    Args:
        root: the folder.
        check_sizes: whether an empty file is wrong.

    Raises:
        InputError: a folder that is missing, cannot be read, holds no images or what should not
            be there.
    """
    scan = _Scan(root, check_sizes)
    scan.check()
    numbers = np.array(scan.folder_of_path, np.int64)
    return ImageTree(root, scan.folders, scan.paths, numbers, scan.states)


class _Scan:
    """What is found below a folder, and what is wrong with it."""

    def __init__(self, root: pathlib.Path, check_sizes: bool):
        self.root = root
        self.folders: list[tuple[str, tuple[str, ...]]] = []
        self.paths: list[str] = []
        self.folder_of_path: list[int] = []
        self.states: dict[str, tuple[int, int, int]] = {}
        self._check_sizes = check_sizes
        self._real_root = os.path.realpath(root)
        self._problems: dict[str, list[str]] = collections.defaultdict(list)
        try:
            self._split_of = self._find_splits()
            self._scan("", "", ())
        except OSError as error:
            raise InputError(
                f"{shown(error.filename or root)} cannot be read: {reason_of(error)}."
            ) from error

    def check(self) -> None:
        """Raises `InputError` for the first kind of problem that there is, or without images."""
        for what, paths in self._problems.items():
            check_none(what, self.root, list(map(shown, paths)), "Move, rename or remove them.")
        if not self.paths:
            raise InputError(
                f"{shown(self.root)} holds no images. Expected train/COARSE/FINE/*.jpg and "
                "test/COARSE/FINE/*.jpg in it, or COARSE/FINE/*.jpg without splits."
            )

    def _find_splits(self) -> dict[str, str]:
        """From the names of the root's folders of splits to the splits."""
        names = [entry.name for entry in self._entries("") if entry.is_dir()]
        found = [name for name in names if name in SPLIT_FOLDERS]
        others = [shown(name) for name in names if name not in SPLIT_FOLDERS]
        if found and others:
            check_none(
                f"other folders beside the splits {' and '.join(found)}",
                self.root,
                others,
                f"Move them into those, or, if {found[0]} is a class, all of them into train.",
            )
        splits = {name: SPLIT_FOLDERS[name] for name in found}
        if len(set(splits.values())) < len(splits):
            tests = [name for name, split in splits.items() if split == "test"]
            raise InputError(
                f"{shown(self.root)} holds {' and '.join(tests)}, expected one folder of test "
                "images. Move the others out of it."
            )
        return splits

    def _scan(self, start: str, split: str, classes: tuple[str, ...]) -> None:
        """Adds the images in a folder and below that."""
        number = len(self.folders)
        if classes:
            self.folders.append((split, classes))
        for entry in self._entries(start):
            path = f"{start}/{entry.name}" if start else entry.name
            is_image = entry.name.lower().endswith(SUFFIXES)
            if not is_utf8(entry.name):  # What could not be decoded are surrogates.
                self._problems["names that are no UTF-8"].append(path)
            elif entry.is_symlink() and not self._is_inside(path):
                self._problems["links that lead out of the folder or nowhere"].append(path)
            elif entry.is_dir():
                if not start and entry.name in self._split_of:
                    self._scan(path, self._split_of[entry.name], classes)
                elif len(classes) < _MOST_LEVELS:
                    self._scan(path, split, (*classes, entry.name))
                else:
                    self._problems["folders in those of fine classes"].append(path)
            elif not is_image and classes:
                self._problems["files that are no images by their names"].append(path)
            elif is_image and not classes:
                self._problems["images that do not lie in coarse/fine or fine folders"].append(path)
            elif is_image and not entry.is_file():
                self._problems["images that are no regular files"].append(path)
            elif is_image and self._check_sizes and entry.stat().st_size == 0:
                self._problems["empty files"].append(path)
            elif is_image:
                self.paths.append(path)
                self.folder_of_path.append(number)

    def _entries(self, start: str) -> list[os.DirEntry]:
        # Before the listing: what changes meanwhile leaves another state than this one.
        self.states.setdefault(start, folder_state(self.root / start))
        with os.scandir(self.root / start) as entries:
            seen = [entry for entry in entries if not entry.name.startswith(".")]
        return sorted(seen, key=lambda entry: entry.name)

    def _is_inside(self, path: str) -> bool:
        real = os.path.realpath(self.root / path)
        return os.path.exists(real) and os.path.commonpath([real, self._real_root]) == (
            self._real_root
        )
