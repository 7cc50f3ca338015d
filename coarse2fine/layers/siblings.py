"""Where siblings lie, for layers that make one map a coarse class of its children's."""

import dataclasses

import numpy as np
from keras import ops

from coarse2fine.errors import InputError

# Coarse classes share a group while the largest has at most this many times the children of the
# smallest. It bounds the padding (at most a quarter) and the groups (logarithmic in the sizes).
_GROWTH = 1.25


def checked_parent(parent, name):
    """The parents as a tuple of ints; raises `InputError`, in that name, for no taxonomy."""
    array = np.asarray(parent)
    if array.ndim != 1 or array.size == 0 or not np.issubdtype(array.dtype, np.integer):
        raise InputError(
            f"{name}: parent must be a sequence of whole numbers, one per fine class, got "
            f"an array of shape {array.shape} and type {array.dtype}."
        )
    if array.min() < 0:
        fine = int(np.argmin(array))
        raise InputError(f"{name}: parent[{fine}] is {array[fine]}; coarse classes count from 0.")
    # Sorted rather than counted: one absurd class number must not allocate as many counters.
    present = np.unique(array)
    if len(present) <= array.max():
        missing = int(np.argmax(present != np.arange(len(present))))
        raise InputError(
            f"{name}: coarse class {missing} has no child. Number the coarse classes 0, 1, "
            f".. without gaps (the largest here is {array.max()})."
        )
    return tuple(array.tolist())


@dataclasses.dataclass(frozen=True)
class Group:
    """Coarse classes of like size, as a dense block of slots.

    Attributes:
        classes: How many coarse classes.
        slots: Slots of each, as many as the largest has children.
        repeats: `(classes, 1)` float32, how many slots repeat the last child as padding.
    """

    classes: int
    slots: int
    repeats: np.ndarray

    @property
    def is_child(self):
        """`(classes, slots, 1)` float32: 0 in the slots that repeat another."""
        slots = np.arange(self.slots)
        return (slots < self.slots - self.repeats).astype("float32")[..., np.newaxis]


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where fine classes go so that siblings lie in dense blocks, and the ways back.

    Each array is None where nothing has to move: where fine classes lie in equal families in the
    order of their coarse classes, all four are.

    Walked through for parent = [0, 1, 2, 1, 0, 0, 0, 0, 0]: sizes are 6, 2, 1, and each is a group
    of its own, smallest first, so coarse_of_row = [2, 1, 0], row_of_coarse = [2, 1, 0] and
    fine_of_slot = [2, 1, 3, 0, 4, 5, 6, 7, 8]. Had coarse class 0 five children and a coarse class
    3 six, both would share a group of 6 slots, and the last child of 0 would fill two of them.
    """

    groups: tuple[Group, ...]
    fine_of_slot: np.ndarray | None
    slot_of_fine: np.ndarray | None
    coarse_of_row: np.ndarray | None
    row_of_coarse: np.ndarray | None


def lay_out(parent):
    """The layout for `parent`."""
    sizes = np.bincount(parent)
    children = np.split(np.argsort(parent, kind="stable"), np.cumsum(sizes)[:-1])
    coarse_of_row = np.argsort(sizes, kind="stable")
    members: list[list[int]] = []
    for coarse in coarse_of_row:
        if not members or sizes[coarse] > _GROWTH * sizes[members[-1][0]]:
            members.append([])
        members[-1].append(coarse)
    groups: list[Group] = []
    blocks: list[np.ndarray] = []
    for group in members:
        slots = int(sizes[group[-1]])
        repeats = slots - sizes[group]
        groups.append(Group(len(group), slots, repeats[:, np.newaxis].astype("float32")))
        blocks.extend(
            np.pad(children[coarse], (0, repeat), mode="edge")
            for coarse, repeat in zip(group, repeats, strict=True)
        )
    fine_of_slot = np.concatenate(blocks)
    return Layout(
        groups=tuple(groups),
        fine_of_slot=_unless_identity(fine_of_slot),
        slot_of_fine=_unless_identity(np.unique(fine_of_slot, return_index=True)[1]),
        coarse_of_row=_unless_identity(coarse_of_row),
        row_of_coarse=_unless_identity(np.argsort(coarse_of_row)),
    )


def _unless_identity(places):
    return None if np.array_equal(places, np.arange(len(places))) else places.astype("int32")


def take(rows, places):
    """The rows at these places; all of them in their order for None."""
    return rows if places is None else ops.take(rows, places, axis=0)
