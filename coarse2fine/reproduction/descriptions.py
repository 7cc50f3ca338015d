"""Tables that say what runs are made of, and need none (Chen 2018, Tables II and III)."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence

import keras

from coarse2fine.experiments.granularity import Setting
from coarse2fine.experiments.table import Table
from coarse2fine.reproduction.experiment import Asked, Done, Experiment, Shown, recipe_of
from coarse2fine.reproduction.job import Job
from coarse2fine.reproduction.pairs import labels_job
from coarse2fine.reproduction.shape_of_data import image_shape_of, taxonomy_of
from coarse2fine.training import Config
from coarse2fine.training.build_model import build_model


@dataclasses.dataclass(frozen=True)
class _Description(Experiment):
    """A table without runs.

    Attributes:
        settings: what it is about.
    """

    settings: Sequence[Setting]

    def jobs(self, asked: Asked) -> dict[str, Job]:
        """None."""
        return {}

    def configs(self, asked: Asked) -> list[Config]:
        """Those of its settings."""
        return [config for _, config in self._configs(asked)]

    def _configs(self, asked: Asked) -> Iterator[tuple[Setting, Config]]:
        for setting in self.settings:
            yield setting, labels_job(setting, "fine", asked.scale, seed=0).config


@dataclasses.dataclass(frozen=True)
class Tasks(_Description):
    """Coarse and fine classes of tasks (Chen 2018, Table II)."""

    def show(self, done: Done) -> Shown:
        """The table."""
        rows = []
        for setting, config in self._configs(done.asked):
            taxonomy = taxonomy_of(config)
            for coarse, children in zip(taxonomy.coarse_names, taxonomy.children, strict=True):
                names = ", ".join(taxonomy.fine_names[f] for f in children)
                rows.append({"task": setting.name, "coarse class": coarse, "fine classes": names})
        return Shown({"table": Table(rows)})


@dataclasses.dataclass(frozen=True)
class Networks(_Description):
    """Networks of tasks, and their parameters as counted (Chen 2018, Table III).

    Attributes:
        published: layers, filters of the widest and millions of parameters, by task.
    """

    published: dict[str, tuple[int, int, float]]

    def show(self, done: Done) -> Shown:
        """The table."""
        rows = []
        for setting, config in self._configs(done.asked):
            model = build_model(config, taxonomy_of(config), image_shape_of(config))
            # As published: without the shortcuts, which are 1x1.
            filters = [
                layer.filters
                for layer in _layers(model.layers)
                if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size != (1, 1)
            ]
            parameters = sum(math.prod(weight.shape) for weight in model.trainable_weights)
            layers, widest, millions = self.published[setting.name]
            rows.append(
                {
                    "task": setting.name,
                    "network": f"{config.backbone}, width {config.width:g}",
                    "training images": f"{recipe_of(setting).images_at(done.asked.scale):,}",
                    "batch": str(config.batch_size),
                    "epochs": str(config.epochs),
                    "layers (3x3 convolutions, the last)": str(len(filters) + 1),
                    "filters of the widest": str(max(filters)),
                    "parameters": f"{parameters:,}",
                    "published layers": str(layers),
                    "published filters": str(widest),
                    "published parameters": f"{millions} M",
                }
            )
            keras.backend.clear_session()
        return Shown({"table": Table(rows)})


def _layers(layers: Iterable[keras.layers.Layer]) -> Iterator[keras.layers.Layer]:
    """All of them, those inside of others too."""
    for layer in layers:
        inner = layer.layers if isinstance(layer, keras.Model) else []
        yield from _layers(inner) if inner else [layer]
