"""Hostile files of networks and weights: each is read or refused, and nothing else is touched."""

import io
import json
import pickle
import zipfile

import h5py
import keras
import pytest
from hostile import check_mutations, is_refused
from made import network_bytes

from coarse2fine.backbones import load_weights, network_file
from coarse2fine.errors import InputError


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return network_bytes(tmp_path_factory.mktemp("network"))


def read_network(path):
    return network_file(str(path))


def test_40_changed_networks(home, network):
    check_mutations(home / "x.keras", network, read_network, 40, seed=8)


def with_config(network, change=lambda config: None, **members):
    """A `.keras` file with a change in its config, and other members."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(network)) as old, zipfile.ZipFile(file, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            if info.filename == "config.json":
                config = json.loads(content)
                changed = change(config)
                content = json.dumps(config if changed is None else changed)
            if info.filename not in members:
                new.writestr(info.filename, content)
        for name, content in members.items():
            new.writestr(name, content)
    return file.getvalue()


def layer(**values):
    """Changes what the network says of its convolution."""
    return lambda config: config["config"]["layers"][1].update(values)


def test_networks_that_would_run_or_read_something_are_refused(home, network, trap):
    folder = str(home.parent / "beside" / "sprung")
    function = {"module": "os", "class_name": "function", "config": "mkdir", "registered_name": ""}
    attacks = [
        layer(module="os", class_name="mkdir"),
        layer(module="subprocess", class_name="Popen", config={"args": ["mkdir", folder]}),
        layer(module="keras.src.utils.file_utils", class_name="get_file"),
        layer(module="keras.src.backend.os", class_name="mkdir", config=folder),
        layer(module="builtins", class_name="eval", config=f"__import__('os').mkdir({folder!r})"),
        layer(class_name="TFSMLayer", config={"filepath": folder}),
        layer(class_name="Lambda", config={"function": {"class_name": "__lambda__"}}),
        layer(class_name="StringLookup", config={"vocabulary": "/etc/passwd"}),
        layer(class_name="TorchModuleWrapper", config={"module": "x"}),
        layer(config={"filters": 2, "kernel_size": 3, "activation": function}),
        layer(config={"filters": 2, "kernel_size": 3, "activation": {**function, "module": None}}),
        layer(config=None),
        layer(class_name=["Conv2D"]),
        lambda config: {},
        lambda config: [],
        lambda config: {**config, "module": "tests", "class_name": "Model", "registered_name": "m"},
    ]
    for attack in attacks:
        (home / "x.keras").write_bytes(with_config(network, attack))
        assert is_refused(read_network, home / "x.keras")
    for members in (
        {"../beside/file.txt": b"theirs"},
        {"assets/vocabulary.txt": b"x"},
        {"config.json": b'{"a":' * 10**5},
        {"config.json": b"\xff"},
        {"model.weights.h5": b"x"},
        {"model.weights.h5": pickle.dumps(trap)},
    ):
        (home / "x.keras").write_bytes(with_config(network, **members))
        assert is_refused(read_network, home / "x.keras")


def test_a_network_that_a_few_bytes_expand_to_is_refused(home, network):
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(network)) as old:
        config = old.read("config.json")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("config.json", config)
        new.writestr("model.weights.h5", bytes(10**8))
    (home / "x.keras").write_bytes(file.getvalue())
    with pytest.raises(InputError, match=r"its model\.weights\.h5 expands to 100,000,000 bytes$"):
        network_file(str(home / "x.keras"))


def test_a_model_in_the_form_before_keras_files_is_refused(home):
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()]).save(home / "x.h5")
    (home / "x.h5").rename(home / "x.keras")
    with pytest.raises(InputError, match=r"x\.keras is no \.keras file: model\.save did not"):
        network_file(str(home / "x.keras"))


def test_weights_that_lie_in_other_files_are_refused(home):
    inputs = keras.Input((8, 8, 3))
    network = keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs))
    path = home / "x.weights.h5"
    (home / "values").write_bytes(bytes(400))
    for how in ("link", "external"):
        network.save_weights(path)
        with h5py.File(path, "r+") as file:
            found = []
            file.visititems(lambda name, item: found.append(name))  # noqa: B023
            name = next(name for name in found if name.endswith("vars/0"))
            shape = file[name].shape
            del file[name]
            if how == "link":
                file[name] = h5py.ExternalLink(str(home / "values"), "/0")
            else:
                external = [(str(home / "values"), 0, h5py.h5f.UNLIMITED)]
                file.create_dataset(name, shape, "f4", external=external)
        assert is_refused(load_weights, network, path)
