"""Image files in folders: the tree is the taxonomy."""

import collections
import pathlib

import numpy as np

from coarse2fine.data.file_source import FileTable, check_none
from coarse2fine.data.image_index import find_images
from coarse2fine.data.image_tree import ImageTree
from coarse2fine.data.labels import DROPPED
from coarse2fine.errors import InputError, check_path, shown
from coarse2fine.taxonomy import Taxonomy


def read_image_folder(
    root: str | pathlib.Path,
    taxonomy: Taxonomy | None = None,
    check_sizes: bool = True,
    cache_dir: str | pathlib.Path | None = None,
) -> FileTable:
    """Finds the images of a folder and their labels.

    Two layouts, each below a folder a split (`train`, and `test`, `val` or `validation`) or without
    those:

    - `coarse/fine/*`: the tree is the taxonomy, unless one is given. Images that lie directly in a
      coarse folder have no fine label. A fine class's folder may be empty.
    - `fine/*`: with a taxonomy whose source names are folders' names, or that is the tree of the
      other split. Images in a folder with a coarse class's name have no fine label.

    Where a taxonomy is given, the names of fine folders decide, whatever folder they lie in; images
    of classes that it does not name are left out and counted. Hidden files are passed over, and so
    are files that are no images by their names beside the folders of classes or of splits.

    Args:
        root: the folder.
        taxonomy: of the folders' names.
        check_sizes: whether an empty file is an error.
        cache_dir: a folder that keeps, for later calls, which files there are; see `find_images`.

    Raises:
        InputError: a folder that is missing or cannot be read, without images, with files that are
            no images by their names, that lie too deep, are empty or lead out of it by a link, with
            names that are no UTF-8, or that does not fit the taxonomy.
    """
    check_path("Folder", root)
    tree = find_images(pathlib.Path(root), check_sizes, cache_dir)
    known = None if taxonomy is None else set(taxonomy.source_names)
    coarse_folder = _coarse_folder_of(tree, known)
    if taxonomy is None:
        taxonomy = _taxonomy_of_tree(tree, coarse_folder)
    fine, coarse = _labels_of_folders(tree, taxonomy)
    number = tree.folder_of_path
    _check_all_found(tree, fine, taxonomy)
    _check_unmoved(tree, np.unique(number), fine, coarse_folder, taxonomy)
    kept = np.flatnonzero(fine[number] != DROPPED)
    if not len(kept):
        raise InputError(f"{shown(root)} holds no images of the taxonomy's classes.")
    dropped: dict[str, dict[str, int]] = collections.defaultdict(dict)
    for folder, count in enumerate(np.bincount(number, minlength=len(fine)).tolist()):
        split, classes = tree.folders[folder]
        if count and fine[folder] == DROPPED:
            dropped[split]["/".join(classes)] = count
    splits = np.array([split for split, _ in tree.folders], np.str_)
    return FileTable(
        np.array(tree.paths, object)[kept],
        fine[number[kept]],
        coarse[number[kept]],
        splits[number[kept]],
        taxonomy,
        dict(dropped),
    )


def _coarse_folder_of(tree: ImageTree, known: set[str] | None) -> dict[str, str]:
    """For each fine folder below a coarse one, `known` or not, the coarse one's name."""
    found = collections.defaultdict(set)
    for _, (coarse, *below) in tree.folders:
        for fine in below:
            found[fine].add(coarse)
    check_none(
        "fine classes that lie in several coarse folders",
        tree.root,
        [
            f"{fine!r} in {' and '.join(map(repr, sorted(names)))}"
            for fine, names in sorted(found.items())
            if len(names) > 1 and (known is None or fine in known)
        ],
        "Rename the folders, so that each fine class has a name of its own.",
    )
    return {fine: min(names) for fine, names in found.items()}


def _taxonomy_of_tree(tree: ImageTree, coarse_folder: dict[str, str]) -> Taxonomy:
    if not coarse_folder:
        raise InputError(
            f"{shown(tree.root)} has one level of classes: give a taxonomy that says which coarse "
            "class each belongs to, or sort the folders into coarse/fine."
        )
    flat_splits, with_fine = tree.flat_splits(), set(coarse_folder.values())
    childless = {
        classes[0]
        for split, classes in tree.folders
        if classes[0] not in with_fine
        and not (split in flat_splits and classes[0] in coarse_folder)
    }
    check_none(
        "coarse folders without a fine one",
        tree.root,
        sorted(map(repr, childless)),
        "Make folders of fine classes in them, if without images, or remove them.",
    )
    return Taxonomy.from_pairs(sorted(coarse_folder.items(), key=lambda pair: pair[::-1]))


def _labels_of_folders(tree: ImageTree, taxonomy: Taxonomy) -> tuple[np.ndarray, np.ndarray]:
    """Fine and coarse labels of each folder's images; `DROPPED` where the taxonomy has none."""
    fine_of = {name: f for f, name in enumerate(taxonomy.source_names)}
    coarse_of = {name: k for k, name in enumerate(taxonomy.coarse_names)}
    flat_splits = tree.flat_splits()
    labels = []
    for split, classes in tree.folders:
        name = classes[-1]
        if name in fine_of and (len(classes) > 1 or split in flat_splits):
            labels.append((fine_of[name], taxonomy.parent[fine_of[name]]))
        elif len(classes) == 1 and name in coarse_of:
            labels.append((-1, coarse_of[name]))
        else:
            labels.append((DROPPED, DROPPED))
    fine, coarse = np.array(labels, np.int64).T
    return fine, coarse


def _check_all_found(tree: ImageTree, fine: np.ndarray, taxonomy: Taxonomy) -> None:
    found = set(fine.tolist())
    check_none(
        "classes of the taxonomy without a folder",
        tree.root,
        [repr(name) for f, name in enumerate(taxonomy.source_names) if f not in found],
        "Name the folders as the taxonomy's source names, or take the classes out of it.",
    )


def _check_unmoved(
    tree: ImageTree,
    with_images: np.ndarray,
    fine: np.ndarray,
    coarse_folder: dict[str, str],
    taxonomy: Taxonomy,
) -> None:
    """Raises `InputError` where coarse-only images lie in a folder that the taxonomy redefines."""
    moved = {}
    for f, name in enumerate(taxonomy.source_names):
        old, new = coarse_folder.get(name), taxonomy.coarse_names[taxonomy.parent[f]]
        if old not in (None, new):
            what = f"{name!r} lies in {old!r}, and is under {new!r} in the taxonomy"
            moved.update({coarse: what for coarse in (old, new) if coarse not in moved})
    names = {tree.folders[i][1][0] for i in with_images.tolist() if fine[i] == -1}
    check_none(
        "coarse folders with images without fine label, but another meaning in the taxonomy",
        tree.root,
        [f"{name!r} ({moved[name]})" for name in sorted(names & moved.keys())],
        "Name the taxonomy's coarse classes otherwise, or take those images out.",
    )
