"""Which image files a folder holds, remembered from one start to the next."""

import hashlib
import json
import os
import pathlib
import time

import numpy as np

from coarse2fine.data.image_tree import ImageTree, folder_state, scan_images
from coarse2fine.errors import InputError, shown
from coarse2fine.files import is_recent, make_folder, read_arrays, write_arrays

_VERSION = 1  # Of what an index holds, and of what a scan finds.
_ARRAYS = ("folders", "states", "paths", "folder_of_path")


def find_images(
    root: pathlib.Path, check_sizes: bool = True, cache_dir: str | pathlib.Path | None = None
) -> ImageTree:
    """Finds the image files below a folder, by an index of an earlier call where there is one.

    Listing a million files and looking at each takes from seconds to minutes; an index asks each
    folder alone whether it has changed. Where one has, or the index is damaged, the folder is
    scanned anew. A folder that changed during its scan, or within two seconds before it, is not
    trusted, since the scan may have missed the change, and the next one may leave the same time;
    then no index is written.

    An index sees files that are added, removed or renamed. It does not see a file that is rewritten
    or emptied in place, nor what becomes of the file that a link leads to.

    Args:
        root: the folder.
        check_sizes: whether an empty file is wrong.
        cache_dir: the folder of indexes, outside of the root; None to scan each time.

    Raises:
        InputError: as `scan_images`; a `cache_dir` that lies in the root or cannot be written.
    """
    if cache_dir is None:
        return scan_images(root, check_sizes)
    file = index_file(root, check_sizes, pathlib.Path(cache_dir))
    tree = _read(file, root)
    if tree is None:
        started = time.time_ns()
        tree = scan_images(root, check_sizes)
        times = [time_ns for *times_ns, _ in tree.states.values() for time_ns in times_ns]
        if not any(is_recent(time_ns, started) for time_ns in times):
            _write(file, tree)
    return tree


def index_file(root: pathlib.Path, check_sizes: bool, cache_dir: pathlib.Path) -> pathlib.Path:
    """The index of a folder.

    Raises:
        InputError: it would lie in that folder.
    """
    real_root, real_cache = os.path.realpath(root), os.path.realpath(cache_dir)
    if os.path.commonpath([real_root, real_cache]) == real_root:
        raise InputError(
            f"cache_dir {shown(cache_dir)} lies in the folder of images, {shown(root)}, whose "
            "folders are classes. Use a folder outside of it."
        )
    name = json.dumps([_VERSION, os.path.abspath(root), check_sizes])
    digest = hashlib.blake2b(name.encode(), digest_size=16)
    return cache_dir / f"index_{digest.hexdigest()}.npz"


def _write(file: pathlib.Path, tree: ImageTree) -> None:
    make_folder(file.parent)
    arrays = {
        "folders": _bytes(json.dumps(tree.folders)),
        "states": np.array([*tree.states.values()], np.int64),
        # No path holds a NUL.
        "paths": _bytes("\0".join([*tree.states, *tree.paths])),
        "folder_of_path": tree.folder_of_path,
    }
    write_arrays(file, arrays, is_shared=True)


def _read(file: pathlib.Path, root: pathlib.Path) -> ImageTree | None:
    """The tree that an index describes; None where it is not what is there now."""
    try:
        arrays = read_arrays(file, _ARRAYS)
        states = [tuple(state) for state in arrays["states"].tolist()]
        listed = _text(arrays["paths"]).split("\0")
        paths = listed[len(states) :]
        if any(path.startswith("/") or ".." in path.split("/") for path in listed):
            return None
        scanned = dict(zip(listed, states, strict=False))
        if any(folder_state(root / path) != state for path, state in scanned.items()):
            return None
        folders = [
            (split, tuple(classes)) for split, classes in json.loads(_text(arrays["folders"]))
        ]
    except (InputError, OSError, ValueError, TypeError, RecursionError):
        return None
    return ImageTree(root, folders, paths, arrays["folder_of_path"], scanned)


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-8"), np.uint8)


def _text(array: np.ndarray) -> str:
    return array.tobytes().decode("utf-8")
