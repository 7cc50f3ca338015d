"""The pictures of a run, or of a folder of runs."""

import pathlib
from collections.abc import Callable

from coarse2fine.errors import InputError
from coarse2fine.experiments.pair_pictures import draw_pairs
from coarse2fine.experiments.run_pictures import (
    GUESSED_IMAGES,
    MAPPED_IMAGES,
    MOST_IMAGES,
    draw_class_maps,
    draw_embedding,
    draw_guesses,
    draw_run,
)
from coarse2fine.training.workdir import Workdir


def draw(
    workdir: str | pathlib.Path,
    embedding: bool = False,
    class_maps: bool = False,
    beside: str | pathlib.Path | None = None,
    num_images: int | None = None,
    data_dir: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[pathlib.Path]:
    """Draws a run, or the pairs of runs in a folder; returns what was written.

    Args:
        workdir: of a run, or a folder of runs.
        embedding: of a run, also as `draw_embedding` does.
        class_maps: of a run, also as `draw_class_maps` does.
        beside: of a run, another one, beside which it is also drawn as `draw_guesses` does.
        num_images: as of these; each has a default of its own.
        data_dir: likewise.
        on_progress: likewise.

    Raises:
        InputError: nothing to draw, or arguments that do not go together.
    """
    is_run = Workdir(pathlib.Path(workdir)).config_file.is_file()
    asked = {"embedding": embedding, "class_maps": class_maps, "beside": beside is not None}
    for name, is_asked in asked.items():
        if is_asked and not is_run:
            raise InputError(f"{name} is of one run, and {workdir} holds none itself: name a run.")
    if not any(asked.values()) and (num_images is not None or data_dir is not None):
        raise InputError("images and data_dir are used with embedding, class_maps or beside alone.")
    if not is_run:
        return draw_pairs(workdir)
    written = draw_run(workdir)
    if embedding:
        written += draw_embedding(
            workdir, num_images or MOST_IMAGES, data_dir, on_progress=on_progress
        )
    if class_maps:
        written += draw_class_maps(workdir, num_images or MAPPED_IMAGES, data_dir)
    if beside is not None:
        written += draw_guesses(workdir, beside, num_images or GUESSED_IMAGES, data_dir)
    return written
