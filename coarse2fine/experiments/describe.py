"""The files that a description of a data set leaves."""

import pathlib

from coarse2fine.data.samples import draw_samples
from coarse2fine.errors import InputError
from coarse2fine.evaluation import figures
from coarse2fine.experiments.write_picture import picture_bytes
from coarse2fine.files import append_text, remove_file, write_bytes, write_text
from coarse2fine.import_extra import import_extra
from coarse2fine.training import Description

_MOST_ROWS = 12


def check_picture_file(path: str | pathlib.Path) -> None:
    """Raises `InputError` unless `draw_description` could write a picture here."""
    path = pathlib.Path(path)
    if path.suffix.lower() != ".png":
        raise InputError(f"Picture {path} ends in {path.suffix!r}, expected .png.")
    if not path.parent.is_dir():
        raise InputError(f"Picture {path} cannot be written: {path.parent} is not a folder.")
    import_extra("matplotlib")


def draw_description(description: Description, path: str | pathlib.Path) -> None:
    """Draws images of the described split as a PNG file: a row a coarse class, 12 at most.

    Raises:
        InputError: a path that is no PNG file's or cannot be written.
    """
    check_picture_file(path)
    source = description.source
    rows = draw_samples(source, _MOST_ROWS, seed=description.config.seed)
    num_present = int((description.labels.coarse > 0).sum())
    shown = f", {len(rows)} of {num_present} coarse classes" if len(rows) < num_present else ""
    title = f"{description.config.dataset}, split {description.split}{shown}"
    write_bytes(pathlib.Path(path), picture_bytes(figures.samples_figure(rows, title)))


def check_failures_file(path: str | pathlib.Path) -> None:
    """Raises `InputError` unless `write_failures` could write here; what is there stays."""
    path = pathlib.Path(path)
    is_new = not path.exists()
    append_text(path, "")
    if is_new:
        remove_file(path)


def write_failures(description: Description, path: str | pathlib.Path) -> None:
    """Writes a line for each image that cannot be decoded: its name, a tab, the reason.

    Args:
        description: with decoded splits.
        path: of the file; what was there is replaced.

    Raises:
        InputError: the file cannot be written.
    """
    lines = [
        f"{bad.image}\t{bad.reason}\n"
        for found in description.decoded.values()
        if found is not None
        for bad in found.failures
    ]
    write_text(pathlib.Path(path), "".join(lines))
