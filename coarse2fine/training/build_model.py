"""From a config to its model."""

from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from coarse2fine import backbones
from coarse2fine.errors import InputError
from coarse2fine.model import CoarseToFine
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training.config import Config
from coarse2fine.training.given_files import kept_network
from coarse2fine.training.strategy import precision
from coarse2fine.training.workdir import Workdir


def build_model(
    config: Config,
    taxonomy: Taxonomy,
    image_shape: Sequence[int],
    backbone: keras.Model | None = None,
) -> CoarseToFine:
    """A config's model, before its first update.

    Args:
        config: of the run.
        taxonomy: of its classes.
        image_shape: `(height, width, channels)`.
        backbone: in place of the one that the config's name or file makes.
    """
    with precision(config.precision):
        backbone = make_backbone(config, image_shape) if backbone is None else backbone
        if config.synchronized_batch_norm:
            _synchronize(config.backbone, backbone)
        model = CoarseToFine(
            backbone,
            taxonomy,
            coarse_weight=config.coarse_weight,
            labels=config.labels,
            class_map_activation=backbones.find(config.backbone).class_map_activation,
            head_dropout=config.head_dropout,
            extra_layer=config.extra_layer,
            coarse_supervision=config.coarse_supervision,
            soft_min_temperature=config.soft_min_temperature,
            fine_term=config.fine_term,
            coarse_term=config.coarse_term,
            label_smoothing=config.label_smoothing,
            cutmix=config.cutmix,
            cutmix_seed=config.seed,
        )
        model(tf.zeros((1, *image_shape)))
    return model


def build_again(
    config: Config, taxonomy: Taxonomy, image_shape: Sequence[int], home: Workdir
) -> CoarseToFine:
    """The model of a run that has a checkpoint, whose weights it is to get: without its file."""
    return build_model(
        config.replace(backbone_weights=None), taxonomy, image_shape, kept_network(config, home)
    )


def make_backbone(config: Config, image_shape: Sequence[int]) -> keras.Model:
    """A config's backbone for images of `(height, width, channels)`."""
    dropout = {} if config.dropout is None else {"dropout": config.dropout}
    backbone = backbones.create(
        config.backbone, input_shape=tuple(image_shape), width=config.width, **dropout
    )
    if config.backbone_weights is not None:
        backbones.load_weights(backbone, config.backbone_weights)
    return backbone


def _synchronize(name: str, backbone: keras.Model) -> None:
    """Has the network's batch normalisation take the moments of all replicas' images."""
    layers = [layer for layer in _layers(backbone) if hasattr(layer, "synchronized")]
    if not layers:
        raise InputError(
            f"synchronized_batch_norm is given, and backbone {name!r} has no batch normalisation. "
            "Leave it out."
        )
    for layer in layers:
        layer.synchronized = True


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        yield from _layers(layer) if isinstance(layer, keras.Model) else [layer]
