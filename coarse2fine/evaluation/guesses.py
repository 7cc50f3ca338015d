"""What networks take images for, best guesses first."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from coarse2fine.data import Source
from coarse2fine.evaluation.calibration import probabilities
from coarse2fine.evaluation.predictions import predict
from coarse2fine.training import Run

_MOST = 5


@dataclasses.dataclass(frozen=True)
class Guess:
    """A fine class that an image is taken for.

    Attributes:
        name: of the class.
        probability: by the softmax over the fine scores.
        is_right: whether the image is of it.
        has_right_parent: whether the image is of one of its coarse class.
    """

    name: str
    probability: float
    is_right: bool
    has_right_parent: bool


@dataclasses.dataclass(frozen=True)
class GuessedImage:
    """An image and what networks take it for.

    Attributes:
        image: `(height, width, channels)` uint8.
        label: its fine class.
        guesses: the best five of each network, or fewer, by its name; best first.
    """

    image: np.ndarray
    label: str
    guesses: Mapping[str, tuple[Guess, ...]]


def best_guesses(
    runs: Mapping[str, Run], source: Source, indices: np.ndarray, views: int = 1
) -> list[GuessedImage]:
    """The best five fine classes of images, by several networks.

    Args:
        runs: by name, each with a fine head and the source's classes.
        source: of the images.
        indices: which of them; each has a fine label.
        views: of each image, as of `predict`.

    Raises:
        InputError: images that cannot be read.
    """
    images = np.concatenate([*source.chunks(indices)])
    taxonomy = source.taxonomy
    found: list[dict[str, tuple[Guess, ...]]] = [{} for _ in indices]
    for name, run in runs.items():
        scores = predict(run.model, run.preprocess, source, indices, views=views).fine_scores
        assert scores is not None, "a run with a fine head"
        shares = probabilities(scores)
        order = np.argsort(-shares, axis=-1, kind="stable")[:, :_MOST]
        for place, index in enumerate(indices):
            fine, coarse = source.fine[index], source.coarse[index]
            found[place][name] = tuple(
                Guess(
                    taxonomy.fine_names[guess],
                    float(shares[place, guess]),
                    bool(guess == fine),
                    bool(taxonomy.parent[guess] == coarse),
                )
                for guess in order[place]
            )
    return [
        GuessedImage(image, taxonomy.fine_names[source.fine[index]], guesses)
        for image, index, guesses in zip(images, indices, found, strict=True)
    ]
