"""Exported models: what they serve where only TensorFlow is, and what export refuses."""

import io
import json
import resource
import struct
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import ArraySource
from coarse2fine.errors import InputError
from coarse2fine.export import ExportedModel, export
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, train

# Six fine classes and two coarse ones: the best five are fewer than all, the best two are all.
TAXONOMY = Taxonomy(
    ("tabby", "beagle", "boxer", "siamoise", "persan dor\u00e9", "pug"),
    ("cat", "chien \u732b"),
    (0, 1, 1, 0, 0, 1),
)
RUNS = {
    "gcn_zca": {"preprocess": "gcn_zca", "backbone": "preact_resnet"},
    "standardize": {"preprocess": "standardize", "steps": 60, "learning_rate": 0.05},
    "coarse": {"preprocess": "standardize", "labels": "coarse"},
}
OUTPUTS = {
    "fine_probabilities": (6, "float32"),
    "fine_top_indices": (5, "int32"),
    "fine_top_names": (5, "string"),
    "coarse_probabilities": (2, "float32"),
    "coarse_top_indices": (2, "int32"),
    "coarse_top_names": (2, "string"),
}

# Neither package can be imported; what is served comes back by the request's name.
SERVE = """
import json, pathlib, sys
sys.modules["keras"] = sys.modules["coarse2fine"] = None
import numpy as np
import tensorflow as tf

home = pathlib.Path(sys.argv[1])
requests = np.load(home / "requests.npz")
files = sorted((home / "encoded").iterdir())
served, described = {}, {}
for path in sorted((home / "models").iterdir()):
    model = tf.saved_model.load(str(path))
    for name, signature in model.signatures.items():
        described[f"{path.name}/{name}"] = {
            output: [spec.shape.as_list(), spec.dtype.name]
            for output, spec in signature.structured_outputs.items()
        }
    answers = {
        name: model.signatures["serve_images"](images=tf.constant(images))
        for name, images in requests.items()
    }
    answers["encoded"] = model.signatures["serve_encoded"](
        images=tf.constant([file.read_bytes() for file in files])
    )
    for name, answer in answers.items():
        for output, value in answer.items():
            value = value.numpy()
            if value.dtype == object:
                value = np.char.decode(value.astype(bytes), "utf-8")
            served[f"{path.name}/{name}/{output}"] = value
np.savez(home / "served.npz", **served)
(home / "described.json").write_text(json.dumps(described))
assert sys.modules["keras"] is None and sys.modules["coarse2fine"] is None
assert not [name for name in sys.modules if name.startswith(("keras.", "coarse2fine."))]
"""


def make_source():
    """Images of 8x8 of which a bright patch tells the fine class."""
    rng = np.random.default_rng(0)
    fine = np.tile(np.arange(6), 20)
    images = rng.integers(0, 100, (len(fine), 8, 8, 3)).astype(np.uint8)
    for image, label in zip(images, fine, strict=True):
        row, column = divmod(int(label), 3)
        image[4 * row : 4 * row + 4, 3 * column : 3 * column + 2] += 120
    return ArraySource(images, TAXONOMY, fine)


def random_images(seed, count, height, width, channels=3):
    """Images with structure, so that it matters how they are resized."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, height, width, channels)).astype(np.uint8)


IMAGES = {
    "own_size": make_source().images(tf.range(7)).numpy(),
    "larger": random_images(1, 3, 21, 30),
    "smaller": random_images(2, 2, 5, 3),
    "one_pixel": random_images(3, 1, 1, 1),
}
GREY = random_images(4, 1, 8, 8, channels=1)[0]
ENCODED = {
    "0.png": tf.io.encode_png(IMAGES["own_size"][0]),
    "1.png": tf.io.encode_png(IMAGES["larger"][0]),
    "2.jpg": tf.io.encode_jpeg(IMAGES["larger"][1], quality=95),
    "3_grey.png": tf.io.encode_png(GREY),
    "4_grey.jpg": tf.io.encode_jpeg(random_images(5, 1, 16, 12, channels=1)[0]),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    home = tmp_path_factory.mktemp("runs")
    config = Config(width=0.05, batch_size=20, steps=5, schedule="cosine", validation_fraction=0.0)
    return {
        name: train(config.replace(**changes), home / name, source=make_source())
        for name, changes in RUNS.items()
    }


@pytest.fixture(scope="module")
def home(runs, tmp_path_factory):
    """The exported models in `models`, and what a process with TensorFlow alone got from them."""
    home = tmp_path_factory.mktemp("exported")
    for name, run in runs.items():
        export(run, home / "models" / name)
    np.savez(home / "requests.npz", **IMAGES)
    (home / "encoded").mkdir()
    for name, data in ENCODED.items():
        (home / "encoded" / name).write_bytes(data.numpy())
    result = subprocess.run(
        [sys.executable, "-I", "-c", SERVE, home],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    return home


@pytest.fixture(scope="module")
def served(home):
    """From model, request and output to what was served."""
    with np.load(home / "served.npz") as saved:
        return dict(saved)


def outputs_of(name):
    levels = ("coarse",) if name == "coarse" else ("fine", "coarse")
    return {key: value for key, value in OUTPUTS.items() if key.startswith(levels)}


def resize_matrix(size, wanted):
    """Bilinear weights `(wanted, size)` whose triangle is as wide as the pixels that are made."""
    scale = size / wanted
    centres = (np.arange(wanted)[:, None] + 0.5) * scale
    distance = np.abs(np.arange(size) + 0.5 - centres) / max(scale, 1)
    weights = np.maximum(0, 1 - distance)
    return weights / weights.sum(1, keepdims=True)


def resize(images, height=8, width=8):
    rows = resize_matrix(images.shape[1], height)
    columns = resize_matrix(images.shape[2], width)
    return np.einsum("hi,wj,nijc->nhwc", rows, columns, images).astype("float32")


def softmax(scores):
    powers = np.exp(np.float64(scores) - np.max(scores, -1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def probabilities(run, images):
    """Of both levels, from the model in this process, on images of its own size."""
    scores = run.model(run.preprocess(tf.constant(images)), training=False)
    return {level: softmax(scores[level].numpy()) for level in scores}


@pytest.mark.parametrize("name", RUNS)
def test_signatures_are_the_documented_ones(home, name):
    described = json.loads((home / "described.json").read_text())
    signatures = {key: value for key, value in described.items() if key.startswith(f"{name}/")}
    assert {f"{name}/serve_images", f"{name}/serve_encoded"} <= set(signatures)
    expected = {
        output: [[None, count], dtype] for output, (count, dtype) in outputs_of(name).items()
    }
    for signature in signatures.values():
        assert signature == expected


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("request_name", [*IMAGES, "encoded"])
def test_outputs_have_the_documented_names_and_shapes(served, name, request_name):
    prefix = f"{name}/{request_name}/"
    shapes = {
        key.removeprefix(prefix): value.shape
        for key, value in served.items()
        if key.startswith(prefix)
    }
    count = len(IMAGES.get(request_name, ENCODED))
    assert shapes == {output: (count, n) for output, (n, _) in outputs_of(name).items()}


@pytest.mark.parametrize("name", RUNS)
def test_probabilities_are_those_of_the_model_in_this_process(runs, served, name):
    expected = probabilities(runs[name], IMAGES["own_size"])
    for level, values in expected.items():
        actual = served[f"{name}/own_size/{level}_probabilities"]
        np.testing.assert_allclose(actual, values, rtol=0, atol=1e-6)
    differences = [np.ptp(values, axis=0).max() for values in expected.values()]
    assert max(differences) > 0.01, "images that are all the same to a model show nothing"


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("request_name", IMAGES)
def test_images_of_any_size_are_resized_with_antialiasing(runs, served, name, request_name):
    for level, expected in probabilities(runs[name], resize(IMAGES[request_name])).items():
        actual = served[f"{name}/{request_name}/{level}_probabilities"]
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", RUNS)
def test_png_and_jpeg_bytes_are_served_as_the_images_in_them(runs, served, name):
    images = [
        IMAGES["own_size"][0],
        IMAGES["larger"][0],
        tf.io.decode_jpeg(ENCODED["2.jpg"]).numpy(),
        np.repeat(GREY, 3, axis=-1),
        np.repeat(tf.io.decode_jpeg(ENCODED["4_grey.jpg"]).numpy(), 3, axis=-1),
    ]
    resized = np.stack([tf.image.resize(image, (8, 8), antialias=True) for image in images])
    for level, expected in probabilities(runs[name], resized).items():
        actual = served[f"{name}/encoded/{level}_probabilities"]
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("request_name", [*IMAGES, "encoded"])
def test_top_indices_and_names_are_of_the_best_classes(served, name, request_name):
    names = {"fine": TAXONOMY.fine_names, "coarse": TAXONOMY.coarse_names}
    for level in ("coarse",) if name == "coarse" else names:
        values, top, top_names = (
            served[f"{name}/{request_name}/{level}_{output}"]
            for output in ("probabilities", "top_indices", "top_names")
        )
        # Of equal probabilities the lower class comes first.
        expected = np.argsort(-values, axis=-1, kind="stable")[:, :5]
        np.testing.assert_array_equal(top, expected)
        np.testing.assert_array_equal(top_names, np.array(names[level])[expected])


@pytest.mark.parametrize("name", ["gcn_zca", "coarse"])
def test_predict_names_the_best_classes_and_their_parents(home, served, name):
    model = ExportedModel(home / "models" / name, TAXONOMY)
    best = model.predict(ENCODED["0.png"].numpy())
    coarse = served[f"{name}/encoded/coarse_probabilities"][0]
    if name == "coarse":
        order = np.argsort(-coarse, kind="stable")
        expected = [
            {"coarse": TAXONOMY.coarse_names[k], "coarse_probability": pytest.approx(coarse[k])}
            for k in order
        ]
    else:
        fine = served[f"{name}/encoded/fine_probabilities"][0]
        expected = [
            {
                "fine": TAXONOMY.fine_names[f],
                "fine_probability": pytest.approx(fine[f]),
                "coarse": TAXONOMY.coarse_names[TAXONOMY.parent[f]],
                "coarse_probability": pytest.approx(coarse[TAXONOMY.parent[f]]),
            }
            for f in np.argsort(-fine, kind="stable")[:5]
        ]
    assert best == expected


def test_bytes_that_are_no_image_are_refused(home):
    model = ExportedModel(home / "models" / "coarse")
    png, jpeg = ENCODED["0.png"].numpy(), ENCODED["2.jpg"].numpy()
    for data, reason in (
        (b"", "it is empty"),
        (b"no image", "it is no JPEG, PNG, GIF or BMP image"),
        (png[:8], "its PNG header is cut off"),
        (png[:50], "its PNG data is damaged or cut off"),
        (jpeg[:-20], "its JPEG data is cut off"),
        (jpeg[:400] + jpeg[-2:], "its JPEG data is damaged or cut off"),
    ):
        with pytest.raises(InputError, match=f"^not a readable image: {reason}$"):
            model.predict(data)


def test_gif_and_bmp_are_predicted_as_the_pixels_in_them(home):
    pillow = pytest.importorskip("PIL.Image")
    model = ExportedModel(home / "models" / "coarse")
    pixels = random_images(6, 1, 8, 8)[0] // 128 * 255  # Of eight colours: they fit a palette.
    expected = model.predict(tf.io.encode_png(pixels).numpy())
    for kind in ("BMP", "GIF"):
        file = io.BytesIO()
        pillow.fromarray(pixels).convert("RGB" if kind == "BMP" else "P").save(file, kind)
        assert [named["coarse"] for named in model.predict(file.getvalue())] == [
            named["coarse"] for named in expected
        ]
        for actual, wanted in zip(model.predict(file.getvalue()), expected, strict=True):
            assert actual["coarse_probability"] == pytest.approx(wanted["coarse_probability"])


def with_size(encoded, height, width):
    """The bytes of a JPEG or PNG image whose header says another size."""
    if encoded.startswith(b"\x89PNG"):
        return encoded[:16] + struct.pack(">II", width, height) + encoded[24:]
    place = encoded.index(b"\xff\xc0") + 5
    return encoded[:place] + struct.pack(">HH", height, width) + encoded[place + 4 :]


@pytest.mark.parametrize(
    ("name", "height", "width"),
    [
        ("0.png", 10_000, 10_001),
        ("0.png", 2**31 + 1, 1),
        ("0.png", 0, 8),
        ("2.jpg", 10_000, 10_001),
        ("2.jpg", 65_000, 65_000),
        ("2.jpg", 0, 8),
    ],
)
def test_images_whose_header_says_too_many_pixels_are_refused_before_they_are_decoded(
    home, name, height, width
):
    data = with_size(ENCODED[name].numpy(), height, width)
    model = ExportedModel(home / "models" / "coarse")
    says = f"its header says {height} x {width} pixels"
    more = ", more than 100,000,000 in all" if height else ""
    with pytest.raises(InputError, match=f"^not a readable image: {says}{more}$"):
        model.predict(data)
    serve = tf.saved_model.load(str(home / "models" / "coarse")).signatures["serve_encoded"]
    before = peak_memory()
    # Decoders say that the data is damaged: that it is not is said where they have not begun.
    message = "Its header says more than 100,000,000 pixels, or none|Invalid JPEG data"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        serve(images=tf.constant([data]))
    assert peak_memory() - before < 100 * 2**20


def peak_memory():
    """Of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_other_kinds_than_the_documented_ones_are_not_served(home):
    serve = tf.saved_model.load(str(home / "models" / "coarse")).signatures["serve_encoded"]
    for data in (tf.io.encode_png(GREY).numpy()[:23], b"BM" + bytes(60), b"GIF89a" + bytes(60)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="It is no JPEG or PNG image"):
            serve(images=tf.constant([data]))


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_output_that_exists_is_refused_and_left_as_it_was(runs, tmp_path, kind):
    output = tmp_path / "model"
    file = output if kind == "file" else output / "notes.txt"
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")
    with pytest.raises(InputError) as error:
        export(runs["standardize"], output)
    expected = f"{output} exists; choose another output, or remove it first."
    assert str(error.value) == expected
    assert file.read_text() == "mine"
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {file}


def test_an_output_below_a_file_is_refused(runs, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=r"^The model cannot be written to .*file/model: "):
        export(runs["coarse"], tmp_path / "file" / "model")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.fixture
def metadata_copy(home, tmp_path):
    """An exported model's own files without its network, to be changed."""
    target = tmp_path / "model" / "assets.extra"
    target.mkdir(parents=True)
    for path in (home / "models" / "standardize" / "assets.extra").iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return tmp_path / "model"


@pytest.mark.parametrize(
    "changes", [{"parent": [0, 1, 1, 0, 0, 0]}, {"coarse_names": ["dog", "cat"]}]
)
def test_a_model_whose_taxonomy_was_edited_is_refused(metadata_copy, changes):
    file = metadata_copy / "assets.extra" / "taxonomy.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **changes}))
    with pytest.raises(InputError, match=r"^Model .*model was made with another taxonomy: "):
        ExportedModel(metadata_copy)


def test_a_model_of_another_taxonomy_than_the_wanted_is_refused(home):
    other = Taxonomy(TAXONOMY.fine_names, TAXONOMY.coarse_names, (1, 1, 1, 0, 0, 0))
    with pytest.raises(InputError, match=r"^Model .*standardize was made with another taxonomy: "):
        ExportedModel(home / "models" / "standardize", other)


def test_a_folder_that_is_no_exported_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=r" is no model exported by coarse2fine: there is no "):
        ExportedModel(tmp_path)


def test_a_model_without_its_network_is_refused(metadata_copy):
    with pytest.raises(InputError, match=r"^Model .* cannot be loaded: "):
        ExportedModel(metadata_copy)
