"""Makes the fixtures beside it: images good and bad, and one taxonomy in both forms.

python testdata/make_testdata.py
"""

import pathlib
import sys

import tensorflow as tf

from coarse2fine.data import shapes
from coarse2fine.taxonomy import Taxonomy, write_taxonomy


def make(folder: pathlib.Path) -> None:
    """Writes every fixture into `folder`."""
    coarse_names, fine_names, parent = shapes.class_names(2, 2)
    taxonomy = Taxonomy(fine_names, coarse_names, parent)
    write_taxonomy(taxonomy, folder / "shapes_2x2.json")
    rows = [f"{fine},{coarse_names[k]}" for fine, k in zip(fine_names, parent, strict=True)]
    (folder / "shapes_2x2.csv").write_text("\n".join(["fine,coarse", *rows]) + "\n")

    images = shapes.draw([0, 1, 2, 3], [0, 1, 2, 3], seed=0, num_fine_each=2)
    grey = tf.image.rgb_to_grayscale(images[1])
    jpeg = tf.io.encode_jpeg(images[2]).numpy()
    for name, content in {
        "colour.png": tf.io.encode_png(images[0]).numpy(),
        "grey.png": tf.io.encode_png(grey).numpy(),
        "colour.jpg": jpeg,
        "truncated.jpg": jpeg[: len(jpeg) // 2],
        "empty.jpg": b"",
        "text.jpg": b"This is no image.\n",
    }.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    make(pathlib.Path(sys.argv[0]).parent)
