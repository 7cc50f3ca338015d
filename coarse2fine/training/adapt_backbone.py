"""What a network takes from its training images before the first update."""

import keras
import numpy as np

from coarse2fine.layers import PatchWhitening
from coarse2fine.training.plan import Plan

_NUM_IMAGES = 1024


def adapt_backbone(backbone: keras.Model, plan: Plan, preprocess: keras.layers.Layer) -> None:
    """Gives a network that whitens patches its filters, from images drawn by the run's seed.

    One whose weights are a file's keeps those.
    """
    if plan.config.backbone_is_file or plan.config.backbone_weights is not None:
        return
    whitening = [layer for layer in backbone.layers if isinstance(layer, PatchWhitening)]
    if not whitening:
        return
    rng = np.random.default_rng(plan.config.seed)
    count = min(_NUM_IMAGES, len(plan.training_images))
    drawn = np.sort(rng.choice(plan.training_images, count, replace=False))
    parts = [keras.ops.convert_to_numpy(preprocess(part)) for part in plan.source.chunks(drawn)]
    for layer in whitening:
        layer.adapt(np.concatenate(parts))
