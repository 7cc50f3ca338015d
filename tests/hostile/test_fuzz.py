"""The parsers written in Python, fuzzed with feedback from the lines that an input reaches.

`--fuzz_seconds` says for how long in all.
"""

import json
import sys

import numpy as np
import pytest
from fuzzer import Fuzzer
from made import IMAGES, PETS, npz_bytes

from coarse2fine import csv_rows, files
from coarse2fine.data import bmp, gif, image_header, image_table
from coarse2fine.data.image_header import read_image_header
from coarse2fine.data.image_table import read_image_table
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import files as taxonomy_files
from coarse2fine.taxonomy import read_taxonomy, synset_files, write_taxonomy
from coarse2fine.taxonomy import taxonomy as taxonomy_module
from coarse2fine.training import Config, config, config_problems, config_types


def read_image(content):
    header = read_image_header(content)
    if header.kind == "BMP" and header.height * header.width < 10**6:
        bmp.decode_bmp(content)
    if header.kind == "GIF":
        try:
            gif.first_frame(content)
        except IndexError as error:
            raise InputError("cut off") from error  # As `decode_windows` does.


def of_file(name, read):
    """Reads bytes by way of a file."""

    def make(tmp_path):
        path = tmp_path / name

        def read_bytes(content):
            path.write_bytes(content)
            return read(path)

        return read_bytes

    return make


def written(tmp_path, name):
    write_taxonomy(PETS, tmp_path / name)
    return (tmp_path / name).read_bytes()


TABLE = b'path,coarse,fine,split\na.jpg,cat,tabby,train\nb.jpg,dog,,test\n"c,d.png",dog,pug,train\n'

TARGETS = {
    "images": (lambda path: read_image, [image_header, bmp, gif], lambda path: IMAGES),
    "taxonomy.json": (
        of_file("taxonomy.json", read_taxonomy),
        [taxonomy_files, taxonomy_module],
        lambda path: [written(path, "taxonomy.json"), b'{"fine_names": ["a"]}'],
    ),
    "taxonomy.csv": (
        of_file("taxonomy.csv", read_taxonomy),
        [taxonomy_files, taxonomy_module, csv_rows],
        lambda path: [
            written(path, "taxonomy.csv"),
            b"fine,coarse,source_name\nx,y,n1\n",
        ],
    ),
    "table.csv": (
        of_file("table.csv", read_image_table),
        [image_table, csv_rows],
        lambda path: [TABLE, TABLE.replace(b",split", b"").replace(b",train", b"")],
    ),
    "config.json": (
        of_file("config.json", Config.load),
        [config, config_problems, config_types],
        lambda path: [
            json.dumps({"schedule": "milestones", "milestones": [[0.5, 0.1]]}).encode(),
            json.dumps({"batch_size": "auto", "checkpoint_every": "5m", "width": 0.5}).encode(),
            json.dumps({"dataset": "folder", "data_dir": "a", "image_size": 8}).encode(),
        ],
    ),
    "data.json": (
        of_file("data.json", lambda path: files.read_json(path, ["format"])),
        [files],
        lambda path: [b'{"format": 2}'],
    ),
    "arrays.npz": (
        of_file("arrays.npz", lambda path: files.read_arrays(path, ["a", "b"])),
        [files, np.lib.format],
        lambda path: [npz_bytes(a=np.arange(3), b=np.array("text"))],
    ),
    "is_a.txt": (
        of_file("is_a.txt", synset_files.read_is_a),
        [synset_files],
        lambda path: [b"n00000001 n00000002\nn00000001 n00000003\n"],
    ),
}


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_is_read_or_refused(name, tmp_path, request):
    make, modules, inputs = TARGETS[name]
    read = make(tmp_path)
    for image in ("a.jpg", "b.jpg", "c,d.png"):
        (tmp_path / image).write_bytes(b"x")
    fuzzer = Fuzzer(read, [module.__file__ for module in modules], inputs(tmp_path))
    num_given, num_seen = len(fuzzer.inputs), len(fuzzer.seen)
    assert num_seen > 0, "no line of the parser was seen"
    fuzzer.fuzz(request.config.getoption("fuzz_seconds") / len(TARGETS))
    assert len(fuzzer.seen) > num_seen
    assert len(fuzzer.inputs) > num_given
    assert sys.gettrace() is None or "coverage" in sys.modules
