"""Where pictures go."""

import io
import pathlib
from typing import TYPE_CHECKING

from coarse2fine.files import make_folder, write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_picture(figure: "Figure", folder: str | pathlib.Path, name: str) -> pathlib.Path:
    """Writes a figure as `folder/figures/name.png`, and returns that path."""
    path = pathlib.Path(folder) / "figures" / f"{name}.png"
    make_folder(path.parent)
    write_bytes(path, picture_bytes(figure))
    return path


def picture_bytes(figure: "Figure") -> bytes:
    """A figure as a PNG file's content."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
