"""The test accuracy of a run."""

import pathlib

from coarse2fine.data import Source
from coarse2fine.evaluation.predictions import predict
from coarse2fine.evaluation.report import make_report
from coarse2fine.files import write_json
from coarse2fine.training.run import Run, load_run, load_split


def evaluate(
    run: Run | str | pathlib.Path, data_dir: str | None = None, source: Source | None = None
) -> dict[str, float | int | None]:
    """Scores the whole test set and writes `report.json` into the run's workdir.

    Args:
        run: a run, or its workdir.
        data_dir: of the test set, where it is not the one that the run was trained with.
        source: the test split, where it has been loaded before.

    Returns:
        What `make_report` gives.
    """
    run = run if isinstance(run, Run) else load_run(run)
    if source is None:
        config = run.config if data_dir is None else run.config.replace(data_dir=data_dir)
        source = load_split(config, "test", run.taxonomy)
    run.taxonomy.check_same(source.taxonomy.fingerprint, f"The test set {run.config.dataset!r}")
    predictions = predict(run.model, run.preprocess, source, batch_size=run.config.batch_size)
    report = make_report(predictions, run.taxonomy)
    write_json(run.workdir.report_file, report)
    return report
