"""Draws what runs have shown: a run's confusions, or what the pairs of runs in a folder gained.

python launch/figures.py --workdir=W
"""

import common
from absl import flags

_WORKDIR = common.define_workdir("A run's folder, or a folder of runs. Writes WORKDIR/figures.")
_EMBEDDING = flags.DEFINE_bool(
    "embedding",
    False,
    "Of a run: also t-SNE of its features, and files for TensorBoard's projector.",
)
_IMAGES = flags.DEFINE_integer(
    "images", None, "Most test images in an embedding; default 10,000.", lower_bound=4
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Of an embedding's test set, where it has moved.")


def main() -> None:
    """Reads the flags, draws and names what was written."""
    from printing import show_share

    from coarse2fine.experiments import draw

    written = draw(
        _WORKDIR.value, _EMBEDDING.value, _IMAGES.value, _DATA_DIR.value, show_share("t-SNE")
    )
    for path in written:
        print(f"Wrote {path}")


if __name__ == "__main__":
    common.run(main)
