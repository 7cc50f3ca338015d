"""What a config's data set holds, before training."""

import dataclasses
from collections.abc import Callable

import numpy as np

from coarse2fine.data import ArraySource, EncodedSource, Source
from coarse2fine.data.label_counts import LabelCounts, count_labels
from coarse2fine.data.survey import Survey, survey
from coarse2fine.errors import InputError
from coarse2fine.training.config import Config
from coarse2fine.training.plan import Plan, make_plan
from coarse2fine.training.run import load_split

SPLITS = ("train", "test")

ShowProgress = Callable[[str], Callable[[int, int], None]]


@dataclasses.dataclass(frozen=True)
class Description:
    """A split of a data set, and what training would make of it.

    Attributes:
        config: that names the set.
        split: the one described.
        source: its images.
        sizes: of each split that there is, the number of images.
        missing: of each split that cannot be read, why.
        labels: of the images.
        headers: of some images, drawn by the config's seed, or of all where they were decoded; None
            where images have no headers.
        plan: of a run on them, in one batch where the batch size is still to be found; None of a
            test split, or where there can be none.
        obstacle: why there can be none, else an empty text.
        decoded: of each split, where they were asked for: all images, None where they lie decoded
            in memory.
    """

    config: Config
    split: str
    source: Source
    sizes: dict[str, int]
    missing: dict[str, str]
    labels: LabelCounts
    headers: Survey | None
    plan: Plan | None
    obstacle: str
    decoded: dict[str, Survey | None]

    @property
    def num_failures(self) -> int:
        """How many of the decoded images cannot be."""
        return sum(len(found.failures) for found in self.decoded.values() if found is not None)


def describe(
    config: Config,
    split: str = "train",
    verify: bool = False,
    show_progress: ShowProgress = lambda name: lambda done, total: None,
    num_headers: int = 1000,
) -> Description:
    """Looks at a data set without training on it.

    Args:
        config: names the set, and says what training would do.
        split: `train` or `test`: which to describe; of the other only the size is told.
        verify: decode every image of both splits. Empty files are then failures like others and do
            not end the description.
        show_progress: from the name of a split that is decoded to what is called with the number of
            images done and that of all.
        num_headers: images whose headers are read where images are not decoded.

    Raises:
        InputError: a split that cannot be loaded.
    """
    loading = config.replace(skip_bad_images=True) if verify else config
    source = load_split(loading, split)
    plan, obstacle = _plan(source, config) if split == "train" else (None, "")
    sizes, missing, decoded = {}, {}, dict[str, Survey | None]()
    for name in SPLITS:
        try:
            images = source if name == split else load_split(loading, name)
        except InputError as error:
            missing[name] = str(error)
            continue
        sizes[name] = len(images)
        if verify:
            decoded[name] = _decode_all(images, show_progress(name))
    headers = None
    if isinstance(source, EncodedSource):
        headers = decoded.get(split) or _read_headers(source, num_headers, config.seed)
    return Description(
        config,
        split,
        source,
        sizes,
        missing,
        count_labels(source),
        headers,
        plan,
        obstacle,
        decoded,
    )


def _plan(source: Source, config: Config) -> tuple[Plan | None, str]:
    if config.batch_size == "auto":
        # It is found by trying, and no image's part depends on it.
        config = config.replace(batch_size=max(1, len(source)))
    if config.budget is not None:  # Likewise.
        config = config.replace(budget=None)
    try:
        return make_plan(source, config), ""
    except InputError as error:
        return None, str(error)


def _decode_all(source: Source, on_progress: Callable[[int, int], None]) -> Survey | None:
    if isinstance(source, ArraySource):
        return None
    return survey(source, np.arange(len(source)), decode=True, on_progress=on_progress)


def _read_headers(source: EncodedSource, count: int, seed: int) -> Survey:
    chosen = np.random.default_rng(seed).permutation(len(source))[:count]
    return survey(source, np.sort(chosen))
