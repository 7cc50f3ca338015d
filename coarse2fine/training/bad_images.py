"""Other images in place of those that cannot be decoded."""

import json
import pathlib

import numpy as np

from coarse2fine.data import EncodedSource
from coarse2fine.data.partition import id_hashes
from coarse2fine.errors import InputError
from coarse2fine.files import append_text, write_text
from coarse2fine.training.plan import Plan


def replace_bad_images(plan: Plan, path: pathlib.Path) -> "BadImages | None":
    """Shows other images in place of those of the plan's source that cannot be decoded.

    Args:
        plan: of a run.
        path: of the list of these images.

    Returns:
        What replaces them; None where the images are no files.
    """
    if not isinstance(plan.source, EncodedSource):
        return None
    plan.source.replace = BadImages(plan.source, plan, path)
    return plan.source.replace


def mind_bad_images(plan: Plan, path: pathlib.Path) -> None:
    """As `replace_bad_images` where the plan's config asks for it; else a message can name it."""
    if plan.config.skip_bad_images:
        replace_bad_images(plan, path)
    elif isinstance(plan.source, EncodedSource):
        plan.source.advice = "Replace or remove it, or pass skip_bad_images."


class BadImages:
    """Chooses an image of the same class and part for each that cannot be decoded, and lists them.

    The images of a class and part stand in a circle, in the part's order. A hash of the bad image's
    id says where to begin; the first from there on that can be decoded replaces it. So the choice
    is the same each time, whichever images were found to be bad before. It is called as
    `EncodedSource.replace`, one call at a time.

    A JPEG is decoded down to the lower edge of the window that is shown, so damage below a window
    is not seen: an image that is damaged there may be shown in one pass and replaced in another.
    Either is a pure function of the image and of its place in the schedule. An image that replaces
    another has been decoded whole.

    Args:
        source: of the images, which the plan is of.
        plan: of the run; an image's part is one of its partition's.
        path: of the list, one JSON line an image. Those that are listed there stay, sorted by
            their names; new ones come behind them.

    Raises:
        InputError: a list that is damaged.
    """

    def __init__(self, source: EncodedSource, plan: Plan, path: pathlib.Path):
        self._source = source
        self._parts = [*vars(plan.partition).values()]
        self._part_of = np.full(len(source), -1, np.int8)
        for number, part in enumerate(self._parts):
            self._part_of[part] = number
        self._path = path
        self._lines = _read_lines(path)
        in_order = "".join(self._lines[name] for name in sorted(self._lines))
        if path.exists() and path.read_text(encoding="utf-8") != in_order:
            write_text(path, in_order)
        self._chosen: dict[int, int] = {}
        self._circles: dict[tuple[int, bool, int], np.ndarray] = {}

    def __call__(self, index: int, reason: str) -> int:
        """The image to show in place of that at `index`.

        Raises:
            InputError: none of its class and part can be decoded.
        """
        if index not in self._chosen:
            chosen = self._choose(index)
            name = self._source.where(index)
            replaced_by = str(self._source.ids[chosen])
            entry = {"image": name, "reason": reason, "replaced_by": replaced_by}
            line = json.dumps(entry) + "\n"
            if self._lines.get(name) != line:
                append_text(self._path, line)
                self._lines[name] = line
            self._chosen[index] = chosen
        return self._chosen[index]

    @property
    def found(self) -> list[int]:
        """The indices of the images that others have been shown for."""
        return sorted(self._chosen)

    def _choose(self, index: int) -> int:
        circle = self._circle(index)
        start = int(id_hashes(self._source.ids[[index]], "replaces")[0] % np.uint64(len(circle)))
        for other in np.roll(circle, -start).tolist():
            if other != index and self._source.is_decodable(other):
                return other
        raise InputError(
            f"{self._source.where(index)} cannot be decoded, and no other image of its class and "
            "part can. Replace or remove these images."
        )

    def _circle(self, index: int) -> np.ndarray:
        """The images of an image's class and part, itself included."""
        source, number = self._source, int(self._part_of[index])
        has_fine = bool(source.fine[index] >= 0)
        labels = source.fine if has_fine else source.coarse
        key = number, has_fine, int(labels[index])
        if key not in self._circles:
            part = self._parts[number] if number >= 0 else np.array([index])
            self._circles[key] = part[labels[part] == labels[index]]
        return self._circles[key]


def _read_lines(path: pathlib.Path) -> dict[str, str]:
    """The lines of a list, by their images; none where there is no list yet.

    A line that was cut off is left out; of two of one image the second holds.
    """
    if not path.exists():
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        return {str(json.loads(line)["image"]): line for line in lines if line.endswith("\n")}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(
            f"{path} is damaged: expected JSON lines that each name an image. Remove it."
        ) from error
