"""Small and random hierarchies of synsets, and what tests of them share."""

import re

import numpy as np
import pytest

from coarse2fine.errors import InputError
from coarse2fine.taxonomy import IsA

# A pug hangs under dog first; pet is its other parent.
ANIMALS = IsA(
    {
        "fish": ("animal",),
        "mammal": ("animal",),
        "pet": ("animal",),
        "tench": ("fish",),
        "goldfish": ("fish", "pet"),
        "canine": ("mammal",),
        "dog": ("canine", "pet"),
        "wolf": ("canine",),
        "pug": ("dog", "pet"),
        "poodle": ("dog",),
        "whale": ("mammal",),
    }
)
LEAVES = ("pug", "tench", "wolf", "goldfish", "poodle", "whale")


def grouped(taxonomy):
    """From each coarse name to its children's source names."""
    return {
        name: [taxonomy.source_names[f] for f in members]
        for name, members in zip(taxonomy.coarse_names, taxonomy.children, strict=True)
    }


def random_hierarchy(seed, num_synsets=80, num_leaves=30):
    """A hierarchy with one root, and leaves some of which lie above others."""
    rng = np.random.default_rng(seed)
    is_a = IsA(
        {
            f"s{k}": tuple(f"s{p}" for p in rng.permutation(k)[: rng.integers(1, 3)])
            for k in range(1, num_synsets)
        }
    )
    return is_a, [f"s{k}" for k in rng.permutation(num_synsets)[:num_leaves]]


def first_way_up(is_a, synset):
    """A synset and what its first parents lead up to."""
    way = [synset]
    while way[-1] in is_a.parents:
        way.append(is_a.parents[way[-1]][0])
    return way


def check_refused(message, way, *arguments, **values):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        way(*arguments, **values)
