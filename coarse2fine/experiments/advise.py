"""Advice on a finished run, from published pairs of runs and from those beside it."""

import dataclasses
import pathlib

from coarse2fine.evaluation.advice import Advice, make_advice
from coarse2fine.evaluation.advice_text import advice_text
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.evaluation.gain_line import Evidence
from coarse2fine.evaluation.pairs import FoundRuns, find_runs
from coarse2fine.experiments.chen2018 import SETTINGS
from coarse2fine.files import write_json, write_text

# Of noisy labels (Table VII) the ratio says how noisy they are, which is another question.
_TABLES = ("table1", "table8", "table6")


def published_evidence() -> list[Evidence]:
    """The published pairs of ratio and gain: each task's once, of clean labels and all images."""
    found: dict[str, Evidence] = {}
    for table in _TABLES:
        for setting in SETTINGS[table]:
            published, task = setting.published, setting.changes["taxonomy"]
            # The first customised mapping of CIFAR-10 is CIFAR-10's own.
            if task != "cifar10_row1" and published.ratio and published.gain is not None:
                evidence = Evidence(task, published.ratio, published.gain / 100, published=True)
                found[task] = evidence
    return list(found.values())


def advise(
    workdir: str | pathlib.Path,
    runs: str | pathlib.Path | None = None,
    num_resamples: int = 1000,
    seed: int = 0,
) -> Advice:
    """Writes what finer labels are likely to bring: `advice.json` and `advice.md` in a workdir.

    Args:
        workdir: of an evaluated run that has a fine head.
        runs: folder below which pairs of evaluated runs are looked for; by default only beside the
            workdir. Those that cannot be read are left out, and named.
        num_resamples: of the test images.
        seed: of everything drawn.

    Raises:
        InputError: as `make_advice`, and for a workdir without an evaluated run.
    """
    run = EvaluatedRun.load(workdir)
    found = runs_beside(run.path) if runs is None else find_runs(runs)
    advice = find_advice(run, found, num_resamples, seed)
    write_json(run.path / "advice.json", dataclasses.asdict(advice))
    write_text(run.path / "advice.md", advice_text(advice))
    return advice


def runs_beside(workdir: pathlib.Path) -> FoundRuns:
    """The evaluated runs in the folder that a workdir lies in, its own too."""
    return find_runs(workdir.resolve().parent, "*/report.json")


def find_advice(
    run: EvaluatedRun, found: FoundRuns, num_resamples: int = 1000, seed: int = 0
) -> Advice:
    """The advice that `advise` writes, from the runs that were found; errors as there."""
    evidence = published_evidence()
    return make_advice(run, evidence, found.pairs, found.left_out, num_resamples, seed)
