"""Who keeps a fine label."""

import dataclasses
import hashlib
import math
from collections.abc import Iterable, Sequence

import numpy as np

from coarse2fine.errors import InputError

DEFAULT_FRACTION = 0.5
"""Of each fine class, for S_fine and for S_coarse, where every image has a fine label."""


@dataclasses.dataclass(frozen=True)
class Partition:
    """The parts of a training set, as indices into its source.

    Attributes:
        fine_labelled: images whose fine label may be used (S_fine without validation).
        coarse_only: images whose coarse label alone may be used (S_coarse).
        validation: fine-labelled images that choose settings and are not trained on.

    Within a part the order depends on the seed and the ids only, not on the source's order.
    """

    fine_labelled: np.ndarray
    coarse_only: np.ndarray
    validation: np.ndarray

    @property
    def counts(self) -> dict[str, int]:
        """Number of images of each part."""
        return {part: len(indices) for part, indices in vars(self).items()}

    def ids(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """The ids of each part's images, as `split_ids` reads them.

        Returns:
            `<part>` uint8, the UTF-8 bytes of one id after the other, since an array of fixed width
            takes as much of each as of the longest; `<part>_ends` int64, where each one ends.
        """
        arrays = {}
        for part, indices in vars(self).items():
            encoded = [text.encode() for text in ids[indices]]
            arrays[part] = np.frombuffer(b"".join(encoded), np.uint8)
            arrays[f"{part}_ends"] = np.cumsum([len(text) for text in encoded], dtype=np.int64)
        return arrays


def split_ids(joined: np.ndarray, ends: np.ndarray) -> list[str]:
    """The ids of a part, of its two arrays that `Partition.ids` gives."""
    content, starts = joined.tobytes(), [0, *ends.tolist()]
    return [content[start:end].decode() for start, end in zip(starts, ends.tolist(), strict=False)]


def draw_partition(
    fine: np.ndarray,
    coarse: np.ndarray,
    ids: np.ndarray,
    fine_fraction: float | None = None,
    coarse_fraction: float | None = None,
    validation_fraction: float = 0.0,
    seed: int = 0,
    data_fraction: float = 1.0,
) -> Partition:
    """Draws a `Partition`, class by class, from the seed and the images' ids.

    Images of a class are ranked by a hash of (seed, id). S_fine is the first `fine_fraction` of the
    ranks and S_coarse the last `coarse_fraction`, so each contains what a smaller fraction would
    give, and neither moves when the other's fraction changes. A source that holds coarse-only
    images (`fine` = -1) has its S_coarse from them alone. `data_fraction` multiplies both, so that
    a smaller training set lies within a larger one, part by part and class by class.

    Args:
        fine: `(n,)` fine labels, -1 where there is none.
        coarse: `(n,)` coarse labels.
        ids: `(n,)` distinct texts.
        fine_fraction: share of each fine class's images for S_fine. Default .5, or 1 where the
            source holds coarse-only images.
        coarse_fraction: likewise for S_coarse; a share of each coarse class's coarse-only images
            where the source holds some.
        validation_fraction: share of S_fine that is set aside for validation; never the first
            image of a class.
        seed: of the ranks.
        data_fraction: share of both parts that is used, above 0.

    Raises:
        InputError: a fraction out of range, or fractions whose sum is more than 1.
    """
    has_coarse_only = bool(np.any(fine < 0))
    default = 1.0 if has_coarse_only else DEFAULT_FRACTION
    fine_fraction = default if fine_fraction is None else fine_fraction
    coarse_fraction = default if coarse_fraction is None else coarse_fraction
    check_fractions(fine_fraction, coarse_fraction, validation_fraction, has_coarse_only)
    if not 0.0 < data_fraction <= 1.0:
        raise InputError(f"data_fraction is {data_fraction}, expected above 0 and at most 1.")
    fine_fraction, coarse_fraction = data_fraction * fine_fraction, data_fraction * coarse_fraction

    ranked = np.argsort(id_hashes(ids, str(seed)), kind="stable")
    fine_labelled, validation, coarse_only = [], [], []
    for label, members in _by_class(fine, ranked):
        budget = members[: math.ceil(len(members) * fine_fraction - 1e-9)]
        is_validation = _spread(len(budget), validation_fraction, _phase(label, seed))
        fine_labelled.append(budget[~is_validation])
        validation.append(budget[is_validation])
        if not has_coarse_only:
            coarse_only.append(_last(members, coarse_fraction))
    if has_coarse_only:
        without_fine = ranked[fine[ranked] < 0]
        for _, members in _by_class(coarse, without_fine):
            coarse_only.append(_last(members, coarse_fraction))

    position = np.empty(len(ids), np.int64)
    position[ranked] = np.arange(len(ids))
    return Partition(
        *(_in_rank_order(p, position) for p in (fine_labelled, coarse_only, validation))
    )


def draw_split(
    fine: np.ndarray, coarse: np.ndarray, ids: np.ndarray, test_fraction: float, seed: int
) -> np.ndarray:
    """Draws a test set class by class, from the seed and the images' ids.

    Args:
        fine: `(n,)` fine labels; an image without one, -1, counts by its coarse label.
        coarse: `(n,)` coarse labels.
        ids: `(n,)` distinct texts.
        test_fraction: share of each class, rounded.
        seed: of the drawing.

    Returns:
        `(n,)`: whether an image is in the test set. A larger share contains a smaller one.

    Raises:
        InputError: a fraction out of range.
    """
    if not 0 < test_fraction < 1:
        raise InputError(f"test_fraction is {test_fraction}, expected a number between 0 and 1.")
    ranked = np.argsort(id_hashes(ids, f"test/{seed}"), kind="stable")
    is_test = np.zeros(len(ids), bool)
    without_fine = ranked[fine[ranked] < 0]
    for labels, members_ranked in ((fine, ranked), (coarse, without_fine)):
        for _, members in _by_class(labels, members_ranked):
            is_test[members[: round(len(members) * test_fraction)]] = True
    return is_test


def check_fractions(
    fine_fraction: float, coarse_fraction: float, validation_fraction: float, separate: bool = False
) -> None:
    """Raises `InputError` unless the fractions can be drawn (`separate`: from separate images)."""
    for name, value, stop in (
        ("fine_fraction", fine_fraction, 1.0),
        ("coarse_fraction", coarse_fraction, 1.0),
        ("validation_fraction", validation_fraction, 0.999),
    ):
        if not 0.0 <= value <= stop:
            raise InputError(f"{name} is {value}, expected a number from 0 to {stop:g}.")
    if not separate and fine_fraction + coarse_fraction > 1.0 + 1e-9:
        raise InputError(
            f"fine_fraction {fine_fraction} and coarse_fraction {coarse_fraction} sum to "
            f"{fine_fraction + coarse_fraction:g}, expected at most 1: S_fine and S_coarse are "
            "disjoint. Lower one of them."
        )


def check_every_class_labelled(fine_labels: np.ndarray, fine_names: Sequence[str]) -> None:
    """Raises `InputError` listing the fine classes that stand nowhere in `fine_labels`."""
    counts = np.bincount(fine_labels, minlength=len(fine_names))
    missing = [name for name, count in zip(fine_names, counts, strict=True) if count == 0]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(fine_names)} fine classes have no fine-labelled training "
            f"image: {', '.join(missing)}. Raise fine_fraction, label some, or pass "
            "allow_unlabelled_classes to train without."
        )


def id_hashes(ids: Iterable[str], key: str) -> np.ndarray:
    """For each id a number below 2^64 that depends on it and the key alone."""
    keyed = hashlib.blake2b(digest_size=8, key=key.encode())

    def digest(text: str) -> bytes:
        hashed = keyed.copy()  # Quicker than taking in the key anew.
        hashed.update(text.encode())
        return hashed.digest()

    return np.frombuffer(b"".join(map(digest, map(str, ids))), dtype=">u8")


def _by_class(labels: np.ndarray, ranked: np.ndarray):
    """Yields each label (-1 left out) with its members in rank order."""
    by_label = ranked[np.argsort(labels[ranked], kind="stable")]
    values, starts = np.unique(labels[by_label], return_index=True)
    for label, members in zip(values, np.split(by_label, starts)[1:], strict=True):
        if label >= 0:
            yield int(label), members


def _last(members: np.ndarray, fraction: float) -> np.ndarray:
    count = math.floor(len(members) * fraction + 1e-9)
    return members[len(members) - count :]


def _phase(label: int, seed: int) -> float:
    digest = hashlib.blake2b(f"{seed}/{label}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _spread(count: int, fraction: float, phase: float) -> np.ndarray:
    """A mask of `fraction` of `count` ranks, evenly spread and the same for every longer count.

    The phase differs between classes, so that the share holds over all classes even where a class
    is too small to give a whole image. Of n ranks at most n - 1 are picked, and never rank 0.
    """
    ranks = np.arange(count + 1)
    picked = np.floor(ranks * fraction + phase)
    return np.diff(np.minimum(picked, np.maximum(ranks - 1, 0))) > 0


def _in_rank_order(parts: list[np.ndarray], position: np.ndarray) -> np.ndarray:
    members = np.concatenate([*parts, np.empty(0, np.int64)]).astype(np.int64)
    return members[np.argsort(position[members])]
