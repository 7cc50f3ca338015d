"""A run's evaluation, made where it is not there yet; and what the run took."""

import contextlib
from typing import Any

from coarse2fine.data import Source
from coarse2fine.errors import InputError
from coarse2fine.evaluation import evaluate
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.training import Run
from coarse2fine.training.workdir import Workdir


def evaluated(
    run: Run, test: Source, views: int = 1, training_source: Source | None = None
) -> EvaluatedRun:
    """A run with its evaluation; one that is there already and says as much is not made again.

    Args:
        run: a finished one.
        test: the test split.
        views: of each image, as of `evaluate`.
        training_source: the training split, to evaluate on the training images too.
    """
    with contextlib.suppress(InputError):
        found = EvaluatedRun.load(run.workdir.path)
        if (
            found.report["test_fingerprint"] == test.fingerprint()
            and found.report["views"] == views
            and found.checkpoint == "newest"
            and (training_source is None or found.training_accuracy is not None)
        ):
            return found
    evaluate(
        run,
        source=test,
        training=training_source is not None,
        training_source=training_source,
        views=views,
    )
    return EvaluatedRun.load(run.workdir.path)


def cost_of_run(home: Workdir) -> dict[str, Any]:
    """`steps`, `images_seen` and `seconds` that a run took, its search included."""
    search = Workdir(home.path / "search")
    last_lines = [metrics[-1] for w in (search, home) if (metrics := w.read_metrics())]
    return {
        name: sum(line[source] for line in last_lines)
        for name, source in (
            ("steps", "step"),
            ("images_seen", "images_seen"),
            ("seconds", "seconds"),
        )
    }
