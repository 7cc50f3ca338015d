"""What TFDS would import to read a prepared set is TFDS's own."""

import json
import re

import pytest

from coarse2fine.data import load_source
from coarse2fine.data.tfds_features import check_features
from coarse2fine.errors import InputError

OWN = "tensorflow_datasets.core.features.image_feature.Image"


def write(folder, text):
    path = folder / "pets" / "1.0.0" / "features.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def nested(name):
    return json.dumps(
        {"features": {"image": {"pythonClassName": OWN}, "a": [{"pythonClassName": name}]}}
    )


def test_classes_of_tfds_are_let_in(tmp_path):
    write(tmp_path, nested(OWN))
    for name in ("pets", "pets/small", "pets/small:1.0.0", "pets:1.*.*", "others"):
        check_features(str(tmp_path), name)


def test_a_foreign_class_is_refused_and_not_imported(tmp_path, monkeypatch):
    module = tmp_path / "code" / "canary.py"
    module.parent.mkdir()
    module.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')", encoding="utf-8")
    monkeypatch.syspath_prepend(str(module.parent))
    path = write(tmp_path / "tfds", nested("canary.Image"))
    message = (
        f"{path} names classes that are not TFDS's own, which would be imported: canary.Image. "
        "Use a set that TFDS prepared."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        load_source("pets", "train", str(tmp_path / "tfds"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, text):
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=f"^{re.escape(str(path))} cannot be read: "):
        check_features(str(tmp_path), "pets")


@pytest.mark.parametrize("name", ["huggingface:pets", "a.b", "../pets", "/pets", ""])
def test_a_name_that_is_code_elsewhere_is_refused(tmp_path, name):
    message = (
        f"Unknown data set {name!r}. Known: shapes, shapes/<coarse>x<fine of each>, and the image "
        "sets of TensorFlow Datasets (cifar100, cifar10, ...). TFDS says: its names are words, "
        "perhaps with /config and :version"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        check_features(str(tmp_path), name)
