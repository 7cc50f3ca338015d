"""What a run is given beside its images: a network's file, or weights to start from.

The run keeps the network without its weights, which its checkpoints have, and a fingerprint of the
file. So a run that has a checkpoint needs the file no more, and knows another file in its place.
"""

import hashlib
import json
import pathlib

import keras

from coarse2fine.backbones import network_from_json
from coarse2fine.errors import InputError
from coarse2fine.files import read_json, write_json
from coarse2fine.training.config import Config
from coarse2fine.training.workdir import Workdir


def claim_given_file(config: Config, home: Workdir, backbone: keras.Model) -> None:
    """Writes what a run keeps of its file, or checks that it began with the file that is there.

    Args:
        config: of the run.
        home: of the run, which is this config's.
        backbone: made from the file, or from what the run keeps of it.

    Raises:
        InputError: the file has changed.
    """
    path = _given_file(config)
    if path is None:
        return
    if not home.backbone_file.exists():
        network = json.loads(backbone.to_json()) if config.backbone_is_file else None
        write_json(home.backbone_file, {"sha256": _sha256(path), "network": network})
    elif pathlib.Path(path).exists() and read_json(home.backbone_file, ["sha256"])[
        "sha256"
    ] != _sha256(path):
        raise InputError(
            f"{home.path} holds a run that began with another {path}: the file has changed since. "
            "Use another workdir, or the file of that run."
        )


def kept_network(config: Config, home: Workdir) -> keras.Model | None:
    """The network that a run was given, with fresh weights; None where it was built by name."""
    if not config.backbone_is_file:
        return None
    network = read_json(home.backbone_file, ["network"])["network"]
    return network_from_json(json.dumps(network), home.backbone_file)


def _given_file(config: Config) -> str | None:
    return config.backbone if config.backbone_is_file else config.backbone_weights


def _sha256(path: str) -> str:
    with pathlib.Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
