"""What a network takes from its training images before the first update."""

import keras
import numpy as np

from coarse2fine.files import read_arrays, write_arrays
from coarse2fine.layers import PatchWhitening
from coarse2fine.training.plan import Plan
from coarse2fine.training.workdir import Workdir
from coarse2fine.training.workers import Workers

_MOST_IMAGES = 1024
_MOST_PIXELS = 2**24  # Of all images together.


def adapt_backbone(
    backbone: keras.Model,
    plan: Plan,
    home: Workdir,
    preprocess: keras.layers.Layer,
    workers: Workers,
) -> None:
    """Gives a network that whitens patches its filters, from images drawn by the run's seed.

    The chief computes them and the workdir keeps them, since other machines may round otherwise. A
    network whose weights are a file's keeps those.
    """
    layers = [layer for layer in backbone.layers if isinstance(layer, PatchWhitening)]
    if not layers or plan.config.backbone_is_file or plan.config.backbone_weights is not None:
        return
    (layer,) = layers
    with workers.chief_first():
        if workers.is_chief and not home.filters_file.exists():
            write_arrays(home.filters_file, {"kernel": _filters(layer, plan, preprocess)})
    layer.kernel.assign(read_arrays(home.filters_file, ["kernel"])["kernel"])


def _filters(layer: PatchWhitening, plan: Plan, preprocess: keras.layers.Layer) -> np.ndarray:
    height, width, _ = plan.source.image_shape
    count = max(1, min(_MOST_IMAGES, _MOST_PIXELS // (height * width), len(plan.training_images)))
    rng = np.random.default_rng(plan.config.seed)
    drawn = np.sort(rng.choice(plan.training_images, count, replace=False))
    images = np.concatenate(
        [keras.ops.convert_to_numpy(preprocess(part)) for part in plan.source.chunks(drawn)]
    )
    fresh = PatchWhitening.from_config(layer.get_config())
    fresh.adapt(images)
    return keras.ops.convert_to_numpy(fresh.kernel)
