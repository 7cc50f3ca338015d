"""How long a large taxonomy takes from is-a edges in a file."""

import pathlib
import time

import numpy as np

from coarse2fine.benchmarks.measurement import Measurement, Settings, exact
from coarse2fine.taxonomy import cut_into, read_is_a

_SECOND_PARENTS = 0.03  # WordNet's share of synsets that have one.


def measure(
    settings: Settings, num_edges: int = 80_000, num_leaves: int = 10_000, num_coarse: int = 1_000
) -> list[Measurement]:
    """Seconds to read is-a edges, cut them into coarse classes and validate the taxonomy.

    Args:
        settings: of all benchmarks.
        num_edges: in the file.
        num_leaves: the fine classes.
        num_coarse: coarse classes to cut into.
    """
    path = settings.workdir / "is_a.tsv"
    leaves = write_edges(path, num_edges)[:num_leaves]
    start = time.perf_counter()
    taxonomy = cut_into(read_is_a(path), leaves, num_coarse)
    seconds = time.perf_counter() - start
    return [
        exact(
            "taxonomy/load",
            seconds,
            bound=3.0,
            unit="s",
            note=(
                f"{num_edges:,} made-up is-a edges read, cut into {taxonomy.num_coarse:,} coarse "
                f"classes of {taxonomy.num_fine:,} leaves, and validated"
            ),
        )
    ]


def write_edges(path: pathlib.Path, num_edges: int) -> list[str]:
    """Writes edges under one root, where a few synsets have two parents; returns the leaves.

    Args:
        path: the file, as `read_is_a` reads it.
        num_edges: in it.
    """
    random = np.random.default_rng(0)
    edges: list[tuple[int, int]] = []
    child = 0
    while len(edges) < num_edges:
        child += 1
        num_parents = min(child, 1 + (random.random() < _SECOND_PARENTS), num_edges - len(edges))
        parents = random.choice(child, num_parents, replace=False)
        edges += [(child, int(parent)) for parent in parents]
    lines = [f"n{below:08}\tn{above:08}\thypernym\n" for below, above in edges]
    path.write_text("child\tparent\tkind\n" + "".join(lines), encoding="utf-8")
    inner = {above for _, above in edges}
    return [f"n{k:08}" for k in random.permutation(child + 1) if k not in inner]
