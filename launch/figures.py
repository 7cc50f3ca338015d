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
_CLASS_MAPS = flags.DEFINE_bool(
    "class_maps", False, "Of a run: also where in test images it saw its classes."
)
_BESIDE = flags.DEFINE_string(
    "beside", None, "Of a run: another run's folder; also what both take the same images for."
)
_IMAGES = flags.DEFINE_integer(
    "images",
    None,
    "Most test images: in an embedding, default 10,000; with class maps, 12; beside another run, "
    "16.",
    lower_bound=4,
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Of these test images, where they have moved.")


def main() -> None:
    """Reads the flags, draws and names what was written."""
    from printing import show_share

    from coarse2fine.experiments import draw

    written = draw(
        _WORKDIR.value,
        _EMBEDDING.value,
        _CLASS_MAPS.value,
        _BESIDE.value,
        _IMAGES.value,
        _DATA_DIR.value,
        show_share("t-SNE"),
    )
    for path in written:
        print(f"Wrote {path}")


if __name__ == "__main__":
    common.run(main)
