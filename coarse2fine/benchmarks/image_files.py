"""Folders of image files that benchmarks run on, and small runs on them."""

import os
import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # It takes seconds to import.
    from coarse2fine.training import Config

_LINKS = 30_000  # A file may have 65,000 names on ext4, and fewer elsewhere.
_SIDES = (40, 48)
_LONG_AGO = 10**18


def make_image_folder(
    root: pathlib.Path, num_images: int, num_fine: int = 1_000, num_coarse: int = 100
) -> None:
    """Makes `root/train/coarse/fine/*.JPEG`, names of a few small files, as many in each class.

    The folders look as if they had not changed for long.

    Args:
        root: a new folder.
        num_images: names in all.
        num_fine: fine classes.
        num_coarse: coarse classes, of equally many fine ones.
    """
    import tensorflow as tf

    root.mkdir(parents=True)
    image = np.random.default_rng(0).integers(0, 256, (*_SIDES, 3), np.uint8)
    encoded = tf.io.encode_jpeg(image).numpy()
    original = root
    folders = [root, root / "train"]
    for fine in range(num_fine):
        coarse = root / "train" / f"coarse_{fine * num_coarse // num_fine:03}"
        folder = coarse / f"n{fine:08}"
        folder.mkdir(parents=True)
        folders += [coarse, folder]
        for number in range(fine * num_images // num_fine, (fine + 1) * num_images // num_fine):
            if number % _LINKS == 0:
                original = root / f".original_{number}"
                original.write_bytes(encoded)
            os.link(original, folder / f"{folder.name}_{number:07}.JPEG")
    for folder in folders:
        os.utime(folder, ns=(_LONG_AGO, _LONG_AGO))


def small_config(folder: str, workdir: str, image_size: int = 32, **changes: Any) -> "Config":
    """The config of a run of a small network on a folder's images, without statistics to fit.

    Args:
        folder: that `make_image_folder` made.
        workdir: a folder in which the network's file is written, unless it is there.
        image_size: of the crops.
        **changes: to the config.
    """
    import keras

    from coarse2fine.training import Config

    network = pathlib.Path(workdir) / "network.keras"
    network.parent.mkdir(parents=True, exist_ok=True)
    layers = [
        keras.Input((image_size, image_size, 3)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 3, strides=8),
    ]
    if not network.exists():
        keras.Sequential(layers).save(network)
    return Config(
        dataset="folder",
        data_dir=folder,
        image_size=image_size,
        backbone=str(network),
        preprocess="own",
        schedule="cosine",
        validation_fraction=0.0,
        **changes,
    )
