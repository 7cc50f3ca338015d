"""Evaluated runs that were never trained: their labels and decisions are drawn or given."""

import json
import pathlib

import numpy as np

from coarse2fine.evaluation.decisions import Decisions
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.evaluation.predictions import Predictions
from coarse2fine.evaluation.report import make_report
from coarse2fine.files import write_json
from coarse2fine.taxonomy import Taxonomy, write_taxonomy
from coarse2fine.training import Config, workdir

TAXONOMY = Taxonomy(
    ("siamese", "persian", "tabby", "beagle", "boxer", "canary"),
    ("cat", "dog", "bird"),
    (0, 0, 0, 1, 1, 2),
)


def write_run(
    folder,
    labels,
    best_fine=None,
    best_coarse=None,
    fine=(),
    coarse_only=0,
    fingerprint="training",
    test_fingerprint="test",
    step=10,
    views=1,
    metrics=(),
    **changes,
):
    """Writes the workdir of an evaluated run with these best classes of the two heads."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    fine = np.asarray(fine)
    num_images, scores = len(fine), {}
    for level, best, size in (("fine", best_fine, 6), ("coarse", best_coarse, 3)):
        scores[level] = None if best is None else 9.0 * np.eye(size, dtype="float32")[best]
    predictions = Predictions(scores["fine"], scores["coarse"], fine, TAXONOMY.coarsen(fine))
    Config(labels=labels, steps=10, epochs=None, **changes).save(folder / "config.json")
    write_taxonomy(TAXONOMY, folder / "taxonomy.json")
    counts = {"fine_labelled": num_images, "coarse_only": coarse_only, "validation": 0}
    data = {
        "format": workdir._FORMAT,
        "image_shape": [8, 8, 3],
        "view": None,
        "images": counts,
        "dropped": {},
        "fine_labels_changed": 0,
        "fingerprint": fingerprint,
    }
    write_json(folder / "data.json", data)
    Decisions.of(predictions).save(folder / "decisions.npz")
    own = {"training": None, "step": step, "test_fingerprint": test_fingerprint, "views": views}
    write_json(folder / "report.json", {**make_report(predictions, TAXONOMY), **own})
    lines = "".join(json.dumps(line) + "\n" for line in metrics)
    (folder / "metrics.jsonl").write_text(lines)
    return EvaluatedRun.load(folder) if step == 10 else None


def draw_fine_run(folder, draw=0, num_images=600, labels="fine", sibling=0.2, other=0.1, **changes):
    """A run that names a sibling, or a class of another parent, with these probabilities."""
    rng = np.random.default_rng(draw)
    fine = np.arange(num_images) % 6
    uniform = rng.random(num_images)
    parent = TAXONOMY.parent
    siblings = {f: [s for s in TAXONOMY.children[parent[f]] if s != f] for f in range(6)}
    others = {f: [o for o in range(6) if parent[o] != parent[f]] for f in range(6)}
    best = [
        rng.choice(siblings[f])
        if u < sibling and siblings[f]
        else rng.choice(others[f])
        if u > 1 - other
        else f
        for f, u in zip(fine, uniform, strict=True)
    ]
    return write_run(folder, labels, best_fine=best, best_coarse=None, fine=fine, **changes)


def draw_coarse_run(folder, draw=1, num_images=600, wrong=0.2, **changes):
    """A run on coarse labels that names another coarse class with this probability."""
    rng = np.random.default_rng(draw)
    fine = np.arange(num_images) % 6
    coarse = TAXONOMY.coarsen(fine)
    shift = np.where(rng.random(num_images) < wrong, rng.integers(1, 3, num_images), 0)
    return write_run(folder, "coarse", best_coarse=(coarse + shift) % 3, fine=fine, **changes)
