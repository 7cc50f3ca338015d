"""NIN's training step in PyTorch, in a process of its own: TensorFlow and PyTorch share none.

Reads a `Spec` from its argument; then, for each line that it is sent, makes some updates and
answers with a line.
"""

import contextlib
import dataclasses
import json
import sys
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Spec:
    """The step.

    Attributes:
        layers: names and arguments of Keras's layers, from images to features.
        children: of each coarse class its fine classes, as many each.
        policy: `float32` or `mixed_bfloat16`.
        batch_size: images a step.
        steps: steps an answer.
    """

    layers: list[list]
    children: list[list[int]]
    policy: str
    batch_size: int
    steps: int


def serve(spec: Spec) -> None:
    """Makes `spec.steps` updates for each line of the standard input."""
    import torch

    network = _network(torch, spec).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    entropy = torch.nn.functional.cross_entropy
    children = torch.tensor(spec.children)
    rng = np.random.default_rng(0)
    images = torch.tensor(rng.normal(size=(spec.batch_size, 3, 32, 32)).astype(np.float32))
    images = images.to(memory_format=torch.channels_last)
    coarse = torch.tensor(rng.integers(0, len(children), spec.batch_size))
    fine = children[coarse, 0]
    has_fine = torch.arange(spec.batch_size) % 2

    def precision() -> contextlib.AbstractContextManager:
        if spec.policy == "float32":
            return contextlib.nullcontext()
        return torch.autocast("cpu", dtype=torch.bfloat16)

    print(torch.__version__, flush=True)
    for _ in sys.stdin:
        for _ in range(spec.steps):
            optimizer.zero_grad()
            with precision():
                maps = network(images)
                coarse_maps = maps[:, children].amin(2)
            scores = [part.float().mean((2, 3)) for part in (maps, coarse_maps)]
            loss = has_fine * entropy(scores[0], fine, reduction="none")
            loss = (loss + entropy(scores[1], coarse, reduction="none")).mean()
            loss.backward()
            optimizer.step()
        print(loss.item(), flush=True)


def _network(torch: Any, spec: Spec) -> Any:
    """The layers, and behind them the class maps."""
    layers: list[Any] = []
    channels = 3
    for kind, config in spec.layers:
        if kind == "Conv2D":
            (size, _), filters = config["kernel_size"], config["filters"]
            layers.append(torch.nn.Conv2d(channels, filters, size, padding=size // 2))
            layers.append(torch.nn.ReLU())
            channels = filters
        elif kind == "Dropout":
            layers.append(torch.nn.Dropout(config["rate"]))
        elif kind in ("MaxPooling2D", "AveragePooling2D"):
            pool = torch.nn.MaxPool2d if kind == "MaxPooling2D" else torch.nn.AvgPool2d
            layers.append(pool(3, stride=2, ceil_mode=True))
    num_fine = sum(map(len, spec.children))
    layers += [torch.nn.Conv2d(channels, num_fine, 1), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers)


if __name__ == "__main__":
    serve(Spec(**json.loads(sys.argv[1])))
