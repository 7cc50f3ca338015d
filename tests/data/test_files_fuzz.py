"""Hundreds of made-up files, folders and images: each works or ends in one clear `InputError`."""

import json
import os
import random

import made_images
import numpy as np
import pytest

from coarse2fine.data import image_header
from coarse2fine.data.decoding import decode_windows
from coarse2fine.data.image_folder import read_image_folder
from coarse2fine.data.image_header import read_image_header
from coarse2fine.data.image_table import read_image_table
from coarse2fine.data.views import CenterCrop, RandomCrop, RandomResizedCrop
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy, read_taxonomy

NAMES = ("tabby", "pug", "cat", "dog", "a b", "\u732b", 'x"y', "l\nm", "-", "train", "Cat")
FILES = ("1.jpg", "2.PNG", "3 3.gif", "4\n.bmp", "\u00e9.jpeg", "none.jpg", "empty.jpg", "1.txt")
PETS = Taxonomy(("tabby", "pug"), ("cat", "dog"), (0, 1))


def attempt(function, *args):
    """What a function returns, or the message of its `InputError`, which has one line."""
    try:
        return function(*args)
    except InputError as error:
        message = str(error)
        assert message.strip()
        assert "\n" not in message
        return message


def check_table(table):
    """That labels fit each other and the taxonomy."""
    taxonomy = table.taxonomy
    has_fine = table.fine >= 0
    assert len({len(table.paths), len(table.fine), len(table.coarse), len(table.split)}) == 1
    assert len(set(table.paths.tolist())) == len(table.paths) > 0
    np.testing.assert_array_equal(taxonomy.coarsen(table.fine)[has_fine], table.coarse[has_fine])
    assert set(table.coarse.tolist()) <= set(range(taxonomy.num_coarse))
    assert set(table.split.tolist()) in ({""}, {"train"}, {"test"}, {"train", "test"})


def damaged(content, rng, most=4):
    """Bytes with a few of them changed, cut out, doubled or put in, or their end cut off."""
    content = bytearray(content)
    for _ in range(rng.randint(0, most)):
        start = rng.randrange(len(content) + 1)
        stop = min(len(content), start + rng.choice([1, 1, 2, 8, 40]))
        content[start:stop] = rng.choice(
            [
                b"",
                bytes(content[start:stop]) * 2,
                rng.randbytes(stop - start),
                rng.choice([b"\0", b'"', b",", b"\n", b"\r\n", b"\xff", b"\xff\xd9", b"[", b"{"]),
            ]
        )
    return bytes(content[: rng.choice([len(content)] * 4 + [rng.randrange(len(content) + 1)])])


def random_table(rng):
    """The text of a table, most of whose rows are right."""
    pairs = [("tabby", "cat"), ("pug", "dog"), ("", "cat"), ("", "dog")]
    rows = []
    for _ in range(rng.randint(0, 6)):
        fine, coarse = rng.choice(pairs)
        if rng.random() < 0.15:
            fine, coarse = rng.choice(NAMES), rng.choice(NAMES)
        rows.append([rng.choice(FILES[:5] if rng.random() < 0.9 else FILES), coarse, fine])
        rows = [row for i, row in enumerate(rows) if row[0] not in [r[0] for r in rows[:i]]]
    header = ["path", "coarse", "fine"]
    if rng.random() < 0.3:
        header.append("split")
        rows = [
            [*row, rng.choice(["train", "test", "train", ""][: 3 + rng.randint(0, 1)])]
            for row in rows
        ]
    lines = [",".join('"{}"'.format(v.replace('"', '""')) for v in row) for row in [header, *rows]]
    text = rng.choice(["\n", "\r\n"]).join(lines) + rng.choice(["", "\n"])
    return rng.choice(["", "\ufeff"]) + text


@pytest.fixture
def images(tmp_path):
    for name in FILES[:5] + FILES[6:]:
        (tmp_path / name).write_bytes(b"" if name == "empty.jpg" else b"x")
    return tmp_path


@pytest.mark.parametrize("seed", range(3))
def test_tables(images, seed):
    rng = random.Random(seed)
    path, right = images / "images.csv", 0
    for _ in range(100):
        content = random_table(rng).encode()
        path.write_bytes(damaged(content, rng) if rng.random() < 0.6 else content)
        table = attempt(read_image_table, path, rng.choice([None, PETS]), rng.random() < 0.5)
        if isinstance(table, str):
            assert table.startswith(f"{path}")
        else:
            check_table(table)
            right += 1
    assert 10 <= right <= 90


def make_tree(root, rng):
    """Files, folders, links and pipes, most of them where images are expected."""
    tops = rng.choice([[""], [""], ["train"], ["train", "test"], ["train", "val"], ["", "val"]])
    for name in ("cat/tabby", "dog/pug"):
        (root / tops[0] / name).mkdir(parents=True)
        (root / tops[0] / name / "0.jpg").write_bytes(b"x")
    for _ in range(rng.randint(0, 8)):
        classes = rng.choice([["cat", "tabby"], ["dog", "pug"], ["dog"], ["cat"]])
        if rng.random() < 0.1:
            classes = rng.choices(NAMES, k=rng.randint(0, 4))
        folder = root.joinpath(rng.choice(tops), *classes)
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / rng.choice(FILES[:5] if rng.random() < 0.95 else FILES)
        if place.exists() or place.is_symlink():
            continue
        kind = rng.choice(["file"] * 50 + ["link", "up", "pipe", "folder", "bytes"])
        if kind == "file":
            place.write_bytes(b"" if place.name == "empty.jpg" else b"x")
        elif kind == "link":
            place.symlink_to(rng.choice(["/etc/hostname", "1.jpg", "0.jpg"]))
        elif kind == "up":
            place.symlink_to(root)
        elif kind == "pipe":
            os.mkfifo(place)
        elif kind == "folder":
            place.mkdir()
        else:
            (folder / os.fsdecode(b"\xfe.jpg")).write_bytes(b"x")


@pytest.mark.parametrize("seed", range(3))
def test_folders(tmp_path, seed):
    rng = random.Random(seed)
    right = 0
    for i in range(50):
        root = tmp_path / str(i)
        make_tree(root, rng)
        for taxonomy in (None, PETS):
            table = attempt(read_image_folder, root, taxonomy, rng.random() < 0.5)
            if isinstance(table, str):
                assert table.startswith(f"{root}")
            else:
                check_table(table)
                right += 1
    assert 10 <= right <= 90


@pytest.mark.parametrize("seed", range(2))
def test_taxonomies_of_folders(tmp_path, seed):
    rng = random.Random(seed)
    root = tmp_path / "images"
    for name in ("cat/tabby", "dog/pug", "dog/l\nm"):
        (root / name).mkdir(parents=True)
        (root / name / "1.jpg").write_bytes(b"x")
    right = 0
    for _ in range(75):
        fine = rng.sample(["tabby", "pug", "l\nm"], rng.randint(1, 3))
        pairs = [(name, rng.choice(["cat", "dog", "beast"])) for name in fine]
        path = tmp_path / rng.choice(["own.csv", "own.json"])
        if path.suffix == ".csv":
            lines = ["fine,coarse", *(f'"{fine}",{coarse}' for fine, coarse in pairs)]
            text = "\n".join(lines)
        else:
            taxonomy = Taxonomy.from_pairs(pairs)
            names = ("fine_names", "coarse_names", "parent")
            text = json.dumps({name: getattr(taxonomy, name) for name in names})
        path.write_bytes(damaged(text.encode(), rng, most=2))
        taxonomy = attempt(read_taxonomy, path)
        if isinstance(taxonomy, Taxonomy):
            table = attempt(read_image_folder, root, taxonomy)
            if not isinstance(table, str):
                check_table(table)
                right += 1
    assert 10 <= right <= 65


def encoded_images():
    image = made_images.draw(24, 31)
    yield made_images.jpeg(image)
    yield made_images.png(image)
    yield made_images.bmp(image)
    yield made_images.gif(made_images.gif_frame(9, 7, 1), made_images.gif_frame(4, 4, 2))
    for kind, mode, options in (
        ("JPEG", "CMYK", {"progressive": True}),
        ("JPEG", "L", {}),
        ("PNG", "P", {}),
        ("PNG", "LA", {}),
        ("GIF", "P", {"interlace": 1}),
        ("BMP", "P", {}),
        ("BMP", "1", {}),
    ):
        yield made_images.with_pillow(image, kind, mode, **options)[0]


@pytest.mark.parametrize("seed", range(4))
def test_damaged_images(monkeypatch, seed):
    monkeypatch.setattr(image_header, "MAX_PIXELS", 300_000)
    rng = random.Random(seed)
    right = num = 0
    for encoded in encoded_images():
        for _ in range(40):
            content = damaged(encoded, rng)
            header = attempt(read_image_header, content)
            num += 1
            if isinstance(header, str):
                continue
            view = rng.choice([CenterCrop(8, 9), RandomCrop(8, 30), RandomResizedCrop(8)])
            windows = view.windows(header.height, header.width, rng)
            pixels = attempt(decode_windows, content, header, windows, 8, rng.choice([1, 3]))
            if not isinstance(pixels, str):
                assert pixels.shape[:3] == (1, 8, 8)
                assert pixels.dtype == np.uint8
                right += 1
    assert 0.1 * num <= right <= 0.9 * num
