"""Data sets by name."""

import pathlib

import numpy as np

from coarse2fine.data import shapes
from coarse2fine.data.decoded_cache import DecodedCache
from coarse2fine.data.encoded_source import EncodedSource
from coarse2fine.data.file_source import FileSource, FileTable
from coarse2fine.data.image_folder import read_image_folder
from coarse2fine.data.image_table import read_image_table
from coarse2fine.data.labels import fine_of_label, split_dropped
from coarse2fine.data.partition import draw_split
from coarse2fine.data.source import GIVEN, ArraySource, Source
from coarse2fine.data.views import CenterCrop, shorter_side_of
from coarse2fine.errors import InputError, check_known
from coarse2fine.taxonomy import Taxonomy

FILES = {"folder": "the folder of images", "csv": "the table of their paths and labels"}
SHAPES_PER_CLASS = {"train": 200, "test": 100}


def load_source(
    name: str,
    split: str,
    data_dir: str | None = None,
    taxonomy: Taxonomy | None = None,
    seed: int = 0,
    image_size: int | None = None,
    shorter_side: int | None = None,
    test_fraction: float | None = None,
    check_sizes: bool = True,
    cache_dir: str | None = None,
    cache_images: bool = False,
) -> Source:
    """A split of a data set.

    Args:
        name: `shapes`, `shapes/2x10` and the like (2 coarse classes of 10 fine ones each);
            `folder` or `csv` for image files (`read_image_folder`, `read_image_table`); or a TFDS
            image set such as `cifar100`.
        split: `train` or `test`; `load_tfds` says which split of `imagenet2012` that is.
        data_dir: where a TFDS set was prepared, the folder, or the table; shapes have none.
        taxonomy: in place of the set's own. Its source names are labels of the set; images of
            labels that it does not name are left out, and counted in `Source.dropped`. In a table
            (`csv`) such labels are errors.
        seed: of the drawings of `shapes`, and of the test set that `test_fraction` asks for.
        image_size: height and width of the crops that are seen of images of any size; needed for
            image files, and where a TFDS set's images vary in size; shapes have one size.
        shorter_side: what the images' shorter side is resized to before the crop; by default
            256 for crops of 224, and in proportion.
        test_fraction: share of the files of each class that is the test set, where they have no
            splits.
        check_sizes: whether an empty image file is an error.
        cache_dir: a folder that keeps which files a `folder` holds (see `find_images`), and with
            `cache_images` the decoded images.
        cache_images: whether crops are cut out of images that are kept resized (see
            `DecodedCache`).

    Raises:
        InputError: a set that is unknown or cannot be read; a taxonomy that does not fit; a value
            that would be ignored.
    """
    if name == GIVEN:
        raise InputError("The images of this run were given in Python: give them as source=...")
    view = _make_view(image_size, shorter_side)
    if cache_images and (cache_dir is None or image_size is None):
        raise InputError(
            "cache_images keeps resized images in a folder: give cache_dir and image_size."
        )
    is_drawn = name.split("/")[0] == "shapes"
    if name != "folder" and not is_drawn and not cache_images:
        _check_unused(name, "is read anew each time without cache_images", cache_dir=cache_dir)
    source: Source
    if name in FILES:
        source = _load_files(
            name, split, data_dir, taxonomy, seed, view, test_fraction, check_sizes, cache_dir
        )
    elif is_drawn:
        _check_unused(
            name,
            f"is drawn in {shapes.SIZE}x{shapes.SIZE} pixels, not read",
            data_dir=data_dir,
            image_size=image_size,
            test_fraction=test_fraction,
            cache_dir=cache_dir,
        )
        source = _draw_shapes(name, split, taxonomy, seed)
    else:
        from coarse2fine.data.tfds_source import load_tfds  # Takes seconds to import.

        _check_unused(name, "has its own test set", test_fraction=test_fraction)
        source = load_tfds(name, split, data_dir, taxonomy, view)
    if isinstance(source, EncodedSource) and cache_dir is not None and cache_images:
        source.cache = DecodedCache(cache_dir, source.view.shorter_side, source.image_shape[-1])
    source.dataset = name
    return source


def _make_view(image_size: int | None, shorter_side: int | None) -> CenterCrop | None:
    if shorter_side is not None and (image_size is None or shorter_side < image_size):
        raise InputError(
            f"shorter_side is {shorter_side} and image_size {image_size}: the shorter side is that "
            "of the images that crops of image_size are taken of. Give both, the larger one first."
        )
    if image_size is None:
        return None
    return CenterCrop(image_size, shorter_side or shorter_side_of(image_size))


def _check_unused(name: str, why: str, **values: str | float | None) -> None:
    """Raises `InputError` where a set is given what it cannot use."""
    given = [f"{key} {value}" for key, value in values.items() if value is not None]
    if given:
        raise InputError(
            f"Data set {name!r} {why}: {' and '.join(given)} would be ignored. Leave that out."
        )


def _load_files(
    name: str,
    split: str,
    data_dir: str | None,
    taxonomy: Taxonomy | None,
    seed: int,
    view: CenterCrop | None,
    test_fraction: float | None,
    check_sizes: bool,
    cache_dir: str | None,
) -> FileSource:
    check_known("split", split, ("train", "test"))
    if data_dir is None:
        raise InputError(f"dataset={name} needs data_dir: {FILES[name]}.")
    if view is None:
        raise InputError(
            f"dataset={name} needs image_size, the height and width of the crops that the network "
            "sees of images of any size."
        )
    if name == "folder":
        table = read_image_folder(data_dir, taxonomy, check_sizes, cache_dir)
    else:
        table = read_image_table(data_dir, taxonomy, check_sizes)
    is_wanted = _is_in_split(table, split, data_dir, test_fraction, seed)
    root = pathlib.Path(data_dir)
    source = FileSource(
        root if name == "folder" else root.parent,
        table.paths[is_wanted],
        table.taxonomy,
        table.fine[is_wanted],
        table.coarse[is_wanted],
        view,
    )
    # Of files without splits, classes are left out before a test set is drawn.
    source.dropped = table.dropped.get(split, table.dropped.get("", {}))
    return source


def _is_in_split(
    table: FileTable, split: str, where: str, test_fraction: float | None, seed: int
) -> np.ndarray:
    """`(n,)`: which files are in a split, their own or one drawn by the seed."""
    splits = set(table.split)
    if splits == {""}:
        if test_fraction is None:
            raise InputError(
                f"The images of {where} have no splits: give test_fraction, the share of each "
                "class that is the test set."
            )
        is_test = draw_split(table.fine, table.coarse, table.paths, test_fraction, seed)
        return is_test if split == "test" else ~is_test
    if len(splits) == 1 and (test_fraction is not None or split not in splits):
        other, only = ("test", "train") if "train" in splits else ("train", "test")
        raise InputError(
            f"The images of {where} are all in the split {only}. Add {other} images; or, to have a "
            "test set drawn, leave the split out (its folder, or the table's column) and give "
            "test_fraction."
        )
    if test_fraction is not None:
        raise InputError(
            f"The images of {where} have splits of their own: test_fraction {test_fraction} would "
            "be ignored. Leave it out."
        )
    return table.split == split


def _draw_shapes(name: str, split: str, taxonomy: Taxonomy | None, seed: int) -> Source:
    check_known("split", split, SHAPES_PER_CLASS)
    num_coarse, num_fine_each = shapes.parse_name(name)
    coarse_names, fine_names, parent = shapes.class_names(num_coarse, num_fine_each)
    taxonomy = Taxonomy(fine_names, coarse_names, parent) if taxonomy is None else taxonomy
    to_fine = fine_of_label(name, fine_names, taxonomy)
    labels = np.repeat(np.arange(len(fine_names)), SHAPES_PER_CLASS[split])
    kept, dropped = split_dropped(f"Data set {name!r}", labels, fine_names, to_fine)
    # Test images are numbered after the largest training set, so that no id is in both.
    ids = kept + (10**9 if split == "test" else 0)
    images = shapes.draw(labels[kept], ids, seed, num_fine_each)
    named = np.char.add(f"{split}_", ids.astype(np.str_))
    source = ArraySource(images, taxonomy, to_fine[labels[kept]], named)
    source.dropped = dropped
    return source
