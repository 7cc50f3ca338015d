"""A hostile corpus: each case is read or refused within seconds, and nothing else is touched.

The cases are made from seeds. Around each test lies a folder beside the one that it works in, whose
files stay as they were, and a trap that code in a case would spring.
"""

import io
import json
import os
import pickle
import random
import struct
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from hostile import attempt, check_mutations, is_refused, mutated
from made import IMAGES, PETS, PIXELS, npz_bytes

from coarse2fine.backbones import load_weights, network_file
from coarse2fine.data import ArraySource
from coarse2fine.data.decoding import check_decodable
from coarse2fine.data.image_header import MAX_PIXELS, read_image_header
from coarse2fine.data.image_table import read_image_table
from coarse2fine.errors import InputError
from coarse2fine.export import ExportedModel, export
from coarse2fine.files import read_arrays, read_json, write_arrays
from coarse2fine.taxonomy import Taxonomy, read_taxonomy, write_taxonomy
from coarse2fine.training import Config, train
from coarse2fine.training.bad_images import _read_lines
from coarse2fine.training.checkpoints import Checkpoints
from coarse2fine.training.events import remove_events_after
from coarse2fine.training.workdir import Workdir

VALUES = [None, True, -1, 0, 10**30, 1e308, float("nan"), "", "\0", "\ud800", "../..", [], {}, [[]]]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trained run on the smallest of images."""
    source = ArraySource(np.tile(PIXELS[:8, :6], (12, 1, 1, 1)), PETS, np.arange(12) % 3)
    config = Config(
        width=0.05,
        batch_size=4,
        steps=1,
        schedule="cosine",
        validation_fraction=0.0,
        preprocess="standardize",
    )
    return train(config, tmp_path_factory.mktemp("hostile") / "run", source=source)


@pytest.fixture(scope="module")
def model(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile_model") / "model"
    export(run, folder)
    return ExportedModel(folder)


@pytest.mark.parametrize("name", ["taxonomy.json", "taxonomy.csv"])
def test_150_taxonomies(home, name):
    path = home / name
    write_taxonomy(PETS, path)
    check_mutations(path, path.read_bytes(), read_taxonomy, 150, seed=1)


def test_100_taxonomies_of_other_values(home):
    rng = random.Random(2)
    lists = {"fine_names": ["a", "b"], "coarse_names": ["c"], "parent": [0, 0]}
    for _ in range(100):
        content = json.loads(json.dumps(lists))
        name = rng.choice([*lists])
        if rng.random() < 0.3:
            content[name] = rng.choice(VALUES)
        else:
            content[name][rng.randrange(len(content[name]))] = rng.choice(VALUES)
        (home / "t.json").write_text(json.dumps(content))
        taxonomy = attempt(read_taxonomy, home / "t.json")
        assert isinstance(taxonomy, InputError) or taxonomy.num_coarse == 1


def test_420_configs_with_a_value_of_another_kind(home):
    path = home / "config.json"
    for name in Config.__dataclass_fields__:
        for value in VALUES[:10]:
            path.write_text(json.dumps({name: value}))
            config = attempt(Config.load, path)
            if not isinstance(config, InputError):
                assert type(getattr(config, name)) in (type(value), float, tuple)


def test_100_changed_configs(home):
    path = home / "config.json"
    Config(milestones=((0.5, 0.1),), schedule="milestones").save(path)
    check_mutations(path, path.read_bytes(), Config.load, 100, seed=3)


def read_workdir(path):
    workdir = Workdir(path)
    return workdir.read_data(), workdir.read_metrics(), _read_lines(workdir.bad_images_file())


@pytest.mark.parametrize("name", ["data.json", "metrics.jsonl", "bad_images.jsonl"])
def test_180_files_of_a_workdir(home, run, name):
    sound = {
        "data.json": (run.workdir.path / "data.json").read_bytes(),
        "metrics.jsonl": b'{"epoch": 1, "step": 1, "images_seen": 9, "seconds": 2.5, "loss": 1.5}\n'
        * 3,
        "bad_images.jsonl": b'{"image": "a", "reason": "b", "replaced_by": "c"}\n' * 3,
    }
    for other, content in sound.items():
        (home / other).write_bytes(content)
    check_mutations(home / name, sound[name], lambda path: read_workdir(home), 60, seed=4)


def test_100_tables_of_images(home):
    (home / "a.jpg").write_bytes(b"x")
    table = b"path,coarse,fine\na.jpg,cat,tabby\n"
    check_mutations(home / "table.csv", table, read_image_table, 100, seed=5)


@pytest.mark.parametrize(
    "path",
    [
        "../beside/file.jpg",
        "link.jpg",
        "folder/file.jpg",
        "/etc/passwd.jpg",
        "x/../../beside/f.jpg",
    ],
)
def test_a_table_leads_to_no_file_outside_its_folder(home, path):
    beside = home.parent / "beside"
    (home / "link.jpg").symlink_to(beside / "file.txt")
    (home / "folder").symlink_to(beside)
    (home / "table.csv").write_text(f"path,coarse,fine\n{path},cat,tabby\n")
    with pytest.raises(InputError, match=r"line 2: '.*' leads out of the table's folder"):
        read_image_table(home / "table.csv")


def decode(content):
    header = read_image_header(content)
    if header.height * header.width < 10**6:
        check_decodable(content, header)
    return header


@pytest.mark.parametrize("place", range(len(IMAGES)))
def test_360_images(place):
    rng = random.Random(place)
    refused = sum(is_refused(decode, mutated(IMAGES[place], rng)) for _ in range(60))
    assert refused > 0
    for other in IMAGES:  # Of two kinds at once.
        attempt(decode, IMAGES[place] + other)
        attempt(decode, IMAGES[place][:20] + other)


def with_size(content, height, width):
    """An image whose header says another size."""
    if content.startswith(b"\x89PNG"):
        place, size = 16, struct.pack(">II", width, height)
    elif content.startswith(b"BM"):
        place, size = 18, struct.pack("<ii", width, height)
    elif content.startswith(b"GIF"):
        place, size = content.index(b"\x2c\0\0\0\0") + 5, struct.pack("<HH", width, height)
    else:
        frame = next(mark for mark in (b"\xff\xc0", b"\xff\xc2") if mark in content)
        place, size = content.index(frame) + 5, struct.pack(">HH", height, width)
    return content[:place] + size + content[place + len(size) :]


@pytest.mark.parametrize("content", IMAGES)
def test_images_that_say_too_many_pixels_are_refused_from_their_header(content):
    for height, width in ((65_535, 65_535), (10_001, 10_000), (2_000, 50_001)):
        with pytest.raises(InputError) as error:
            read_image_header(with_size(content, height, width))
        says = f"its header says {height} x {width} pixels, more than {MAX_PIXELS:,} in all"
        assert str(error.value) == says


def read_ab(path):
    return read_arrays(path, ["a", "b"])


def test_100_changed_files_of_arrays(home):
    content = npz_bytes(a=np.arange(50.0), b=np.array("text"))
    check_mutations(home / "x.npz", content, read_ab, 100, seed=6)


def npy(descr="<f8", shape=(3,), data=bytes(24)):
    """An `.npy` file of any claims."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


def zipped(compression=zipfile.ZIP_STORED, **members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def test_arrays_that_are_no_plain_arrays_are_refused(home, trap):
    sound = npy()
    pickled = npy("|O", (1,), pickle.dumps([trap]))
    for content in (
        zipped(a=pickled, b=sound),
        zipped(a=pickle.dumps(trap), b=sound),
        pickle.dumps({"a": trap, "b": trap}),
        zipped(a=npy(shape=(2**60,)), b=sound),
        zipped(a=npy(shape=(10**13,)), b=sound),
        zipped(a=npy(shape=(-1,)), b=sound),
        zipped(a=npy(descr="__import__('os')"), b=sound),
        zipped(a=sound.replace(b"(3,)", b"(3,'")),
        zipped(a=b"\x93NUMPY\1\0\x10\0{'descr': ((((((("),
        zipped(b=sound),
        zipped(zipfile.ZIP_DEFLATED, a=npy(shape=(10**7,), data=bytes(8 * 10**7)), b=sound),
        b"PK\x05\x06" + bytes(18),
    ):
        (home / "x.npz").write_bytes(content)
        assert is_refused(read_ab, home / "x.npz"), content[:200]


def test_names_of_arrays_are_no_paths(home):
    file = io.BytesIO(npz_bytes(a=np.arange(3), b=np.arange(2)))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("../beside/file.txt", b"theirs")
        archive.writestr("/tmp/theirs.npy", b"theirs")
    (home / "x.npz").write_bytes(file.getvalue())
    np.testing.assert_array_equal(read_ab(home / "x.npz")["a"], np.arange(3))


def test_files_are_not_written_through_links(home):
    target = home.parent / "beside" / "file.txt"
    (home / "x.npz").symlink_to(target)
    (home / "x.npz.unfinished").symlink_to(target)
    write_arrays(home / "x.npz", {"a": np.arange(3)})
    assert not (home / "x.npz").is_symlink()


def test_60_checkpoints(home, run):
    folder = home / "checkpoints"
    folder.mkdir()
    (source,) = run.workdir.checkpoints.glob("step-*.npz")
    content, rng = source.read_bytes(), random.Random(7)
    checkpoints = Checkpoints(folder, run.model, run.taxonomy)
    for number in range(60):
        changed = mutated(content, rng)
        if number % 2:  # Where they are most easily misread.
            place = content.index(b"state.npy")
            changed = content[:place] + mutated(content[place:], rng)
        (folder / "step-1.npz").write_bytes(changed)
        attempt(checkpoints.restore)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 10**5,
        '{"arrays": ["model/0"]}',
        '{"step": 1, "taxonomy": "", "arrays": 3}',
        '{"step": 1, "taxonomy": "", "arrays": [3]}',
    ],
)
def test_checkpoints_without_a_sound_state_are_refused(home, run, text):
    write_arrays(home / "step-1.npz", {"state": np.array(text)})
    with pytest.raises(InputError, match=r"step-1\.npz is not this version's: its state is not an"):
        Checkpoints(home, run.model, run.taxonomy).restore()


@pytest.mark.parametrize("place", range(len(IMAGES)))
def test_60_requests(model, place):
    rng = random.Random(100 + place)
    for _ in range(10):
        answer = attempt(model.predict, mutated(IMAGES[place], rng))
        assert isinstance(answer, InputError) or len(answer) == 3


def test_40_requests_of_random_bytes(model):
    rng = random.Random(9)
    for start in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM"):
        for _ in range(8):
            assert is_refused(model.predict, start + rng.randbytes(rng.randrange(200)))


def test_requests_of_another_shape_end_in_an_error_of_the_request(model):
    serve = model._model.signatures["serve_encoded"]
    for images in (tf.constant(IMAGES[0]), tf.constant([[IMAGES[0]]]), tf.constant([1])):
        with pytest.raises((tf.errors.InvalidArgumentError, TypeError)):
            serve(images=images)


def test_30_files_of_events(home):
    folder = home / "events" / "train"
    folder.mkdir(parents=True)
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for step in range(5):
            tf.summary.scalar("loss", 1.0, step=step)
    writer.close()
    (file,) = folder.iterdir()
    content, rng = file.read_bytes(), random.Random(10)
    for _ in range(29):
        file.write_bytes(mutated(content, rng))
        attempt(remove_events_after, home / "events", 3)
    with tf.io.TFRecordWriter(str(file)) as records:
        records.write(b"\xff" * 50)  # A sound record of no event.
    assert attempt(remove_events_after, home / "events", 3) is None


def test_json_of_any_depth_is_refused(home):
    for text in ("[" * 10**6, '{"a":' * 10**5, '{"format": 1e999999}' * 2, "1" * 10**6):
        (home / "x.json").write_text(text)
        assert is_refused(read_json, home / "x.json", ["format"])
        assert is_refused(Config.load, home / "x.json")
        assert is_refused(read_taxonomy, home / "x.json")


def test_a_pickle_is_read_by_nothing(home, trap):
    content = pickle.dumps(trap)
    readers = {
        "x.json": [read_taxonomy, Config.load, lambda path: read_json(path, ["a"])],
        "x.csv": [read_taxonomy, read_image_table],
        "x.npz": [read_ab],
        "x.keras": [network_file],
        "x.h5": [lambda path: load_weights(keras.Sequential(), path)],
    }
    for name, reads in readers.items():
        (home / name).write_bytes(content)
        for read in reads:
            assert is_refused(read, str(home / name) if name == "x.keras" else home / name)
    assert not os.path.exists(home.parent / "beside" / "sprung")
    assert isinstance(PETS, Taxonomy)
