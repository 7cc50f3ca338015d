"""Draws what runs have shown: a run's confusions, or what the pairs of runs in a folder gained.

python launch/figures.py --workdir=W
"""

import pathlib

import common
from absl import flags

_WORKDIR = common.define_workdir("A run's folder, or a folder of runs. Writes WORKDIR/figures.")
_EMBEDDING = flags.DEFINE_bool(
    "embedding",
    False,
    "Of a run: also t-SNE of its features, and files for TensorBoard's projector.",
)
_IMAGES = flags.DEFINE_integer("images", 10_000, "Most test images in an embedding.", lower_bound=4)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Of the test set, where it has moved.")


def main() -> None:
    """Reads the flags, draws and names what was written."""
    from progress import show_share

    from coarse2fine.experiments import draw_embedding, draw_pairs, draw_run

    is_run = (pathlib.Path(_WORKDIR.value) / "config.json").is_file()
    written = (draw_run if is_run else draw_pairs)(_WORKDIR.value)
    if _EMBEDDING.value:
        written += draw_embedding(
            _WORKDIR.value, _IMAGES.value, _DATA_DIR.value, on_progress=show_share("t-SNE")
        )
    for path in written:
        print(f"Wrote {path}")


if __name__ == "__main__":
    common.run(main)
