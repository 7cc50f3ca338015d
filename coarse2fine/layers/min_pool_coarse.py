"""Coarse class maps from fine ones."""

import dataclasses

import keras
import numpy as np
from keras import ops

from coarse2fine.errors import InputError

# Coarse classes share a group while the largest has at most this many times the children of the
# smallest. It bounds the padding (at most a quarter) and the groups (logarithmic in the sizes).
_GROWTH = 1.25


@keras.saving.register_keras_serializable("coarse2fine")
class MinPoolCoarse(keras.layers.Layer):
    """Pools the class maps of siblings into one map of their coarse class by their minimum.

    Use it between `ClassFeatureMap` and `GlobalAvg` to get coarse maps without weights of their
    own: a coarse class responds where all its children respond, that is, to what they have in
    common. Any taxonomy of two levels will do, in any order and however unequal; the cost grows
    with the number of fine classes, not with the largest family.

    At every location `i`, for coarse class `k` (Lei 2017, section IV):

        M_c[i, k] = min over children j of k of M_f[i, j]

    The gradient of a coarse map goes to the child that has the minimum. Children that tie share
    it equally, as in `tf.reduce_min`. It is deterministic on every device.

    Args:
        parent: Sequence of ints; `parent[f]` is the coarse class of fine class `f`. Every coarse
            class from 0 to the largest has a child.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, height, width, num_fine)`, or any other shape that ends in `num_fine`.

    Output shape:
        The input's, ending in `num_coarse`.

    Example:
        >>> from keras import ops
        >>> maps = ops.reshape(ops.convert_to_tensor([5.0, 1.0, 3.0, 2.0]), (1, 1, 1, 4))
        >>> ops.convert_to_numpy(MinPoolCoarse([1, 0, 1, 0])(maps)).ravel().tolist()
        [1.0, 3.0]

    Reference:
        Lei, Guo, Wang, "Weakly Supervised Image Classification with Coarse and Fine Labels",
        CRV 2017, section IV.
    """

    def __init__(self, parent, **kwargs):
        super().__init__(**kwargs)
        self.parent = _checked_parent(parent)
        self.num_fine = len(self.parent)
        self.num_coarse = max(self.parent) + 1
        self._layout = _lay_out(np.array(self.parent))

    def build(self, input_shape):
        """Checks that `input_shape` ends in `num_fine`."""
        self._check_shape(input_shape)

    def call(self, class_maps):
        """Returns the coarse maps, in the dtype of `class_maps`."""
        shape = ops.shape(class_maps)
        pooled = _min_pool(ops.reshape(class_maps, (-1, self.num_fine)), self._layout)
        return ops.reshape(pooled, (*shape[:-1], self.num_coarse))

    def compute_output_shape(self, input_shape):
        """Returns the shape of the coarse maps of fine ones of `input_shape`."""
        self._check_shape(input_shape)
        return (*input_shape[:-1], self.num_coarse)

    def _check_shape(self, input_shape):
        if len(input_shape) < 2 or input_shape[-1] != self.num_fine:
            raise InputError(
                f"MinPoolCoarse: expected class maps of shape (batch, .., {self.num_fine}), one "
                f"per entry of parent, got {tuple(input_shape)}."
            )

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "parent": list(self.parent)}


def _checked_parent(parent):
    """The parents as a tuple of ints; raises `InputError` where they are no taxonomy."""
    array = np.asarray(parent)
    if array.ndim != 1 or array.size == 0 or not np.issubdtype(array.dtype, np.integer):
        raise InputError(
            "MinPoolCoarse: parent must be a sequence of whole numbers, one per fine class, got "
            f"an array of shape {array.shape} and type {array.dtype}."
        )
    if array.min() < 0:
        fine = int(np.argmin(array))
        raise InputError(
            f"MinPoolCoarse: parent[{fine}] is {array[fine]}; coarse classes count from 0."
        )
    # Sorted rather than counted: one absurd class number must not allocate as many counters.
    present = np.unique(array)
    if len(present) <= array.max():
        missing = int(np.argmax(present != np.arange(len(present))))
        raise InputError(
            f"MinPoolCoarse: coarse class {missing} has no child. Number the coarse classes 0, 1, "
            f".. without gaps (the largest here is {array.max()})."
        )
    return tuple(array.tolist())


@dataclasses.dataclass(frozen=True)
class _Group:
    """Coarse classes of like size, as a dense block of slots.

    Attributes:
        classes: How many coarse classes.
        slots: Slots of each, as many as the largest has children.
        repeats: `(classes, 1)` float32, how many slots repeat the last child as padding.
    """

    classes: int
    slots: int
    repeats: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Where fine classes go so that siblings lie in dense blocks, and the ways back.

    Each array is None where nothing has to move: where fine classes lie in equal families in the
    order of their coarse classes, all four are.

    Walked through for parent = [0, 1, 2, 1, 0, 0, 0, 0, 0]: sizes are 6, 2, 1, and each is a group
    of its own, smallest first, so coarse_of_row = [2, 1, 0], row_of_coarse = [2, 1, 0] and
    fine_of_slot = [2, 1, 3, 0, 4, 5, 6, 7, 8]. Had coarse class 0 five children and a coarse class
    3 six, both would share a group of 6 slots, and the last child of 0 would fill two of them.
    """

    groups: tuple[_Group, ...]
    fine_of_slot: np.ndarray | None
    slot_of_fine: np.ndarray | None
    coarse_of_row: np.ndarray | None
    row_of_coarse: np.ndarray | None


def _lay_out(parent):
    """The layout for `parent`."""
    sizes = np.bincount(parent)
    children = np.split(np.argsort(parent, kind="stable"), np.cumsum(sizes)[:-1])
    coarse_of_row = np.argsort(sizes, kind="stable")
    members: list[list[int]] = []
    for coarse in coarse_of_row:
        if not members or sizes[coarse] > _GROWTH * sizes[members[-1][0]]:
            members.append([])
        members[-1].append(coarse)
    groups: list[_Group] = []
    blocks: list[np.ndarray] = []
    for group in members:
        slots = int(sizes[group[-1]])
        repeats = slots - sizes[group]
        groups.append(_Group(len(group), slots, repeats[:, np.newaxis].astype("float32")))
        blocks.extend(
            np.pad(children[coarse], (0, repeat), mode="edge")
            for coarse, repeat in zip(group, repeats, strict=True)
        )
    fine_of_slot = np.concatenate(blocks)
    return _Layout(
        groups=tuple(groups),
        fine_of_slot=_unless_identity(fine_of_slot),
        slot_of_fine=_unless_identity(np.unique(fine_of_slot, return_index=True)[1]),
        coarse_of_row=_unless_identity(coarse_of_row),
        row_of_coarse=_unless_identity(np.argsort(coarse_of_row)),
    )


def _unless_identity(places):
    return None if np.array_equal(places, np.arange(len(places))) else places.astype("int32")


def _take(rows, places):
    return rows if places is None else ops.take(rows, places, axis=0)


def _min_pool(class_maps, layout):
    """The minimum over siblings: `(locations, num_fine)` to `(locations, num_coarse)`.

    The maps are laid class by class first: a gather then copies whole rows, the minimum runs over
    vectors of locations, and both are several times faster than along the last axis. The gradient
    is written out because that of a gather is a scatter, which adds in no fixed order on a GPU:
    here every slot gets its share and every fine class gathers its own first slot.
    """

    @ops.custom_gradient
    def pool(maps):
        rows = _take(ops.transpose(maps), layout.fine_of_slot)
        blocks, start = [], 0
        for group in layout.groups:
            stop = start + group.classes * group.slots
            blocks.append(ops.reshape(rows[start:stop], (group.classes, group.slots, -1)))
            start = stop
        minima = [ops.min(block, axis=1) for block in blocks]
        pooled = _take(ops.concatenate(minima, axis=0), layout.row_of_coarse)

        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            dtype = keras.backend.result_type(maps.dtype, "float32")
            upstream = ops.cast(ops.transpose(upstream), dtype)
            upstream = _take(upstream, layout.coarse_of_row)
            shares, start = [], 0
            for group, block, minimum in zip(layout.groups, blocks, minima, strict=True):
                stop = start + group.classes
                lowest = ops.cast(ops.equal(block, minimum[:, None]), dtype)
                ties = ops.sum(lowest, axis=1) - ops.cast(group.repeats, dtype) * lowest[:, -1]
                share = upstream[start:stop] / ties
                shares.append(
                    ops.reshape(lowest * share[:, None], (group.classes * group.slots, -1))
                )
                start = stop
            shares = _take(ops.concatenate(shares, axis=0), layout.slot_of_fine)
            return ops.cast(ops.transpose(shares), maps.dtype)

        return ops.transpose(pooled), gradient

    return pool(class_maps)
