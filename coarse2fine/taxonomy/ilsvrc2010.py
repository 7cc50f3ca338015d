"""Lei 2017's subset of ILSVRC2010, from the development kit's table of synsets."""

import collections
import pathlib
from typing import Any

import numpy as np

from coarse2fine.errors import InputError, listed, reason_of
from coarse2fine.taxonomy.synset_names import short_names
from coarse2fine.taxonomy.taxonomy import Taxonomy

_FIELDS = ("ILSVRC2010_ID", "WNID", "words", "children", "num_train_images")
_EXPECTED = "Expected data/meta.mat of the ILSVRC2010 development kit."


def ilsvrc2010(meta_path: str | pathlib.Path) -> Taxonomy:
    """The 143 coarse and 387 fine classes of Lei 2017.

    Coarse classes are the synsets with two children or more, all of whose children are leaves,
    none of which has another parent. The fine classes stand in the order of their ILSVRC2010_ID,
    the coarse classes in that of their first child. A class goes by the first of its words, or by
    as many as tell it from the others; `source_names` are the fine classes' wnids.

    Args:
        meta_path: the development kit's `data/meta.mat`. Reading it takes scipy
            (`pip install 'coarse2fine[imagenet]'`).

    Raises:
        InputError: scipy is not installed, or a file that cannot be read or holds no such table.

    Reference:
        Lei, Guo and Wang, Weakly Supervised Image Classification with Coarse and Fine Labels,
        CRV 2017, section V-C.
    """
    meta_path = pathlib.Path(meta_path)
    synsets = _read_synsets(meta_path)
    parent = _parents_in_the_subset(synsets)
    if not parent:
        raise InputError(
            f"{meta_path} has no synset with two children or more that are all leaves under it "
            f"alone. {_EXPECTED}"
        )
    fine_ids = sorted(parent)
    coarse_ids = list(dict.fromkeys(parent[fine] for fine in fine_ids))
    fine_names, coarse_names = (
        short_names([synsets[k]["WNID"] for k in ids], [synsets[k]["words"] for k in ids])
        for ids in (fine_ids, coarse_ids)
    )
    coarse_name = dict(zip(coarse_ids, coarse_names, strict=True))
    return Taxonomy.from_pairs(
        [(name, coarse_name[parent[k]]) for k, name in zip(fine_ids, fine_names, strict=True)],
        [synsets[k]["WNID"] for k in fine_ids],
    )


def ilsvrc2010_image_counts(meta_path: str | pathlib.Path) -> np.ndarray:
    """`(387,)` training images of each fine class of `ilsvrc2010(meta_path)`, by the same table.

    Raises:
        InputError: as `ilsvrc2010`.
    """
    synsets = _read_synsets(pathlib.Path(meta_path))
    fine_ids = sorted(_parents_in_the_subset(synsets))
    return np.array([synsets[fine]["num_train_images"] for fine in fine_ids], np.int64)


def _parents_in_the_subset(synsets: dict[int, dict[str, Any]]) -> dict[int, int]:
    """From the id of each fine class to that of its coarse class."""
    num_parents = collections.Counter(
        child for synset in synsets.values() for child in synset["children"]
    )
    return {
        child: parent
        for parent, synset in synsets.items()
        if len(synset["children"]) >= 2
        and all(
            not synsets[child]["children"] and num_parents[child] == 1
            for child in synset["children"]
        )
        for child in synset["children"]
    }


def _read_synsets(path: pathlib.Path) -> dict[int, dict[str, Any]]:
    """The table's rows by their ILSVRC2010_ID."""
    try:
        import scipy.io
    except ModuleNotFoundError as error:
        raise InputError(
            "scipy, which reads meta.mat, is not installed: pip install 'coarse2fine[imagenet]'."
        ) from error
    try:
        content = scipy.io.loadmat(str(path), squeeze_me=True, appendmat=False)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason_of(error)}. {_EXPECTED}") from error
    except Exception as error:  # Of any kind, where the bytes are no MATLAB file's.
        raise InputError(f"{path} is no MATLAB file that can be read. {_EXPECTED}") from error
    table = np.atleast_1d(content.get("synsets", ()))
    missing = [name for name in _FIELDS if name not in (table.dtype.names or ())]
    if missing:
        raise InputError(
            f"{path} holds no table `synsets` with the columns {', '.join(missing)}. {_EXPECTED}"
        )
    try:
        rows = {int(row["ILSVRC2010_ID"]): _read_row(row) for row in table}
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path} has a table `synsets` with unreadable rows: {error}. {_EXPECTED}"
        ) from error
    unknown = {child for row in rows.values() for child in row["children"]} - rows.keys()
    if unknown:
        raise InputError(
            f"{path} names children that have no row: {listed(map(str, sorted(unknown)))}. "
            f"{_EXPECTED}"
        )
    return rows


def _read_row(row: np.void) -> dict[str, Any]:
    return {
        "WNID": str(row["WNID"]),
        "words": str(row["words"]),
        "children": [int(child) for child in np.atleast_1d(row["children"])],
        "num_train_images": int(row["num_train_images"]),
    }
