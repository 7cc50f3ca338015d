"""Each kind of experiment, made on built-in images from its runs to its files."""

import csv
import dataclasses
import importlib
import json
import pathlib
import re
import sys

import numpy as np
import pytest
from tensorboard.plugins.hparams import metadata
from tensorboard.util.tensor_util import make_ndarray

from coarse2fine.errors import InputError
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.evaluation.pairs import Pair
from coarse2fine.experiments.chen2018 import SETTINGS
from coarse2fine.reproduction import (
    EXPERIMENTS,
    Asked,
    Places,
    check_complete,
    cost,
    list_experiments,
    reproduce,
)
from coarse2fine.reproduction.experiment import Done
from coarse2fine.training.events import read_events
from coarse2fine.training.workdir import Workdir

MODULE = importlib.import_module("coarse2fine.reproduction.reproduce")
SMOKE = Asked("smoke")


def settings(table, *names):
    return tuple(setting for setting in SETTINGS[table] if setting.name in names)


def few():
    """An experiment of each kind, of as few runs as show it."""
    experiments = dict(EXPERIMENTS)
    for name, of_it in (
        ("chen2018_table1", settings("table1", "cifar10")),
        ("chen2018_figure2", settings("figure2", "cifar10/0.4", "cifar10/1.0")),
        ("chen2018_figure3", settings("table1", "cifar10")),
        ("chen2018_figure6", settings("table1", "cifar10")),
        ("chen2018_table3", settings("table1", "cifar10")),
    ):
        experiments[name] = dataclasses.replace(experiments[name], settings=of_it)
    experiments["chen2018_figure6"] = dataclasses.replace(
        experiments["chen2018_figure6"], pictures={"figure": settings("table1", "cifar10")}
    )
    table1 = experiments["lei2017_table1"]
    experiments["lei2017_table1"] = dataclasses.replace(table1, settings=table1.settings[:1])
    sweep = experiments["lei2017_figure5"]
    experiments["lei2017_figure5"] = dataclasses.replace(sweep, weights=(0.1, 10.0))
    return experiments


MADE = (
    "lei2017_table1",
    "lei2017_figure5",
    "lei2017_figure6",
    "chen2018_table1",
    "chen2018_table2",
    "chen2018_table3",
    "chen2018_figure2",
    "chen2018_figure3",
    "chen2018_figure4",
    "chen2018_figure5",
    "chen2018_figure6",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The workdir, what was made of each experiment, and the runs that were trained for it."""
    home, trained = tmp_path_factory.mktemp("reproduce") / "w", []

    def note(name, steps):
        trained.append(name)
        return ()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODULE, "EXPERIMENTS", few())
        asked = dataclasses.replace(SMOKE, with_ncm=True)
        found = reproduce(MADE, home, asked, callbacks=note)
    return home, {one.experiment.name: one for one in found}, trained


def test_each_run_is_trained_once(made):
    home, found, trained = made
    jobs = {job for one in found.values() for job in one.experiment.jobs(SMOKE).values()}
    assert len(trained) == len(jobs) == 3 + 2 + 2 + 2
    assert {path.name for path in (home / "runs").iterdir()} == {job.name for job in jobs}


def test_each_experiment_gives_its_tables_and_pictures(made):
    _, found, _ = made
    check_complete([*found.values()])
    suffixes = {name: sorted({path.suffix for path in one.files}) for name, one in found.items()}
    table, picture = [".csv", ".md", ".tex"], [".png"]
    assert suffixes == {
        "lei2017_table1": table,
        "lei2017_figure5": sorted([*table, *picture]),
        "lei2017_figure6": picture,
        "chen2018_table1": table,
        "chen2018_table2": table,
        "chen2018_table3": table,
        "chen2018_figure2": sorted([*table, *picture]),
        "chen2018_figure3": picture,
        "chen2018_figure4": picture,
        "chen2018_figure5": picture,
        "chen2018_figure6": sorted([*table, *picture]),
    }
    for one in found.values():
        for path in one.files:
            assert path.stat().st_size > 20
            if path.suffix == ".png":
                assert path.read_bytes().startswith(b"\x89PNG")


def rows(made, experiment, name="table"):
    lines = (made[0] / experiment / f"{name}.csv").read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_a_comparison_shows_its_arms_beside_the_published_numbers(made):
    home, found, _ = made
    (row,) = rows(made, "lei2017_table1")
    jobs = found["lei2017_table1"].experiment.jobs(SMOKE).values()
    for arm, job in zip(("baseline", "coarse_to_fine", "oracle"), jobs, strict=True):
        run = EvaluatedRun.load(home / "runs" / job.name)
        assert row[arm] == f"{100 * run.report['fine_top1']:.2f}"
    assert (row["published baseline"], row["published gap closed"]) == ("51.28", "46.93")
    assert (row["updates"], row["images seen"]) == ("12", "384")


def test_tables_say_how_they_are_made(made):
    _, found, _ = made
    text = found["lei2017_table1"].text
    assert "Scale smoke: built-in images" in text
    assert re.search(r"Config fingerprint [0-9a-f]{12}\.", text)
    assert (
        "`python launch/reproduce.py --experiment=lei2017_table1 --scale=smoke --with_ncm "
        "--workdir=W`"
    ) in text


def test_nearest_class_means_stand_beside_the_networks(made):
    home, found, _ = made
    (row,) = rows(made, "lei2017_table1")
    jobs = [*found["lei2017_table1"].experiment.jobs(SMOKE).values()]
    kept = json.loads((home / "runs" / jobs[1].name / "nearest_class_means.json").read_text())
    assert row["nearest class means"] == f"{100 * kept['fine_top1']:.2f}"
    without = dataclasses.replace(found["lei2017_table1"].experiment).show(
        Done(home, SMOKE, Places())
    )
    assert "nearest class means" not in without.tables["table"].columns


def test_a_sweep_is_judged_by_validation_images_and_never_by_the_test_set(made):
    home, found, _ = made
    jobs = found["lei2017_figure5"].experiment.jobs(SMOKE).values()
    for row, job, weight in zip(rows(made, "lei2017_figure5"), jobs, ("0.1", "10"), strict=True):
        run = Workdir(home / "runs" / job.name)
        accuracy = run.read_metrics()[-1]["val_fine_top1"]
        assert row == {
            "coarse_weight": weight,
            "validation fine top-1": f"{100 * accuracy:.2f}",
        }
        assert run.read_data()["images"]["validation"] > 0
        assert not run.report_file.exists()


def test_a_sweep_is_there_for_tensorboards_hparams(made):
    found = {}
    for file in sorted((made[0] / "lei2017_figure5" / "hparams").glob("*/events*")):
        values = [value for event in read_events(file) for value in event.summary.value]
        (accuracy,) = [float(make_ndarray(v.tensor)) for v in values if v.tag == "val_fine_top1"]
        (start,) = [
            metadata.parse_session_start_info_plugin_data(v.metadata.plugin_data.content)
            for v in values
            if v.tag == metadata.SESSION_START_INFO_TAG
        ]
        found[start.hparams["coarse_weight"].number_value] = accuracy
    expected = [float(r["validation fine top-1"]) for r in rows(made, "lei2017_figure5")]
    assert list(found) == [0.1, 10.0]
    np.testing.assert_allclose(100 * np.array([*found.values()]), expected, atol=0.005)


def test_a_pair_is_judged_by_coarse_decisions(made):
    home, found, _ = made
    (row,) = rows(made, "chen2018_table1")
    jobs = found["chen2018_table1"].experiment.jobs(SMOKE).values()
    coarse, fine = (EvaluatedRun.load(home / "runs" / job.name) for job in jobs)
    assert (coarse.config.labels, fine.config.labels) == ("coarse", "fine")
    assert row["A_CC"] == f"{100 * coarse.report['coarse_top1']:.2f}"
    assert row["A_FC"] == f"{100 * fine.report['coarse_top1_from_fine']:.2f}"
    assert (row["published A_CC"], row["published A_FC"]) == ("98.42", "99.20")


def test_networks_are_counted_as_published(tmp_path):
    done = Done(tmp_path, Asked("paper"), Places())
    (row,) = few()["chen2018_table3"].show(done).tables["table"].rows
    assert row["network"] == "preact_resnet, width 1"
    assert row["parameters"] == "11,171,146"
    assert row["published parameters"] == "11.1 M"
    layers, filters = (row[name] for name in ("published layers", "published filters"))
    assert (row["layers (3x3 convolutions, the last)"], row["filters of the widest"]) == (
        layers,
        filters,
    )


def test_tables_without_runs_have_the_fingerprints_of_their_networks(tmp_path, monkeypatch):
    two = dataclasses.replace(
        EXPERIMENTS["chen2018_table2"], settings=settings("table1", "cifar10")
    )
    monkeypatch.setattr(MODULE, "EXPERIMENTS", {**few(), two.name: two})
    texts = [
        one.text
        for scale in ("smoke", "quick")
        for one in reproduce(
            ["chen2018_table2", "chen2018_table3"], tmp_path / scale, Asked(scale), run=False
        )
    ]
    found = [re.search(r"Config fingerprint ([0-9a-f]{12})", text)[1] for text in texts]
    assert found[0] == found[1] != found[2] == found[3]


def test_tasks_name_their_classes(made):
    table = rows(made, "chen2018_table2")
    (disk,) = [r for r in table if (r["task"], r["coarse class"]) == ("cifar10", "disk")]
    assert disk["fine classes"].split(", ")[:2] == ["striped disk", "dotted disk"]


def test_the_speed_is_that_of_updates_and_not_of_their_start(monkeypatch):
    now, speed = [0.0], [0.25]

    def make_trial(network):
        def train(batch, steps):
            now[0] += 7.0 + speed[0] * steps * batch / 16

        return train

    monkeypatch.setattr("coarse2fine.reproduction.cost.make_trial", make_trial)
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    (job, *_) = EXPERIMENTS["lei2017_table1"].jobs(Asked("paper")).values()
    assert cost._measure(job) == pytest.approx(64)
    # Of a network that is so fast that its largest batch takes no time, more updates are timed.
    (job, *_) = EXPERIMENTS["lei2017_table1"].jobs(Asked("smoke")).values()
    speed[0] = 1e-3
    assert cost._measure(job) == pytest.approx(16 / 1e-3)


def test_with_nothing_left_to_do_nothing_is_made_again(made, monkeypatch):
    home, found, _ = made
    monkeypatch.setattr(MODULE, "EXPERIMENTS", few())

    def refuse(*arguments):
        raise AssertionError("it is made again")

    for kind in {type(experiment) for experiment in EXPERIMENTS.values()}:
        monkeypatch.setattr(kind, "show", refuse)
    asked = dataclasses.replace(SMOKE, with_ncm=True)
    again = reproduce(MADE, home, asked, callbacks=refuse)
    assert [one.text for one in again] == [found[name].text for name in MADE]


def test_what_an_experiment_needs_is_there_before_anything_is_run(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    with pytest.raises(InputError) as error:
        reproduce(["chen2018_figure5", "chen2018_figure4"], tmp_path / "w", SMOKE)
    assert str(error.value) == ("openTSNE is not installed: pip install 'coarse2fine[figures]'.")
    assert not (tmp_path / "w").exists()
    (other,) = reproduce(["chen2018_figure5"], tmp_path / "w", SMOKE, run=False)
    assert "was not run" in other.missing[0]


def test_a_run_that_is_evaluated_again_has_its_tables_made_again(made, tmp_path, monkeypatch):
    home, _, _ = made
    monkeypatch.setattr(MODULE, "EXPERIMENTS", few())
    experiment = few()["chen2018_figure5"]
    picture = home / experiment.name / "cifar10.png"
    before = picture.stat().st_mtime_ns
    (job,) = experiment.jobs(SMOKE).values()
    report = home / "runs" / job.name / "report.json"
    content = json.loads(report.read_text())
    report.write_text(json.dumps(content))  # Other bytes.
    reproduce([experiment.name], home, SMOKE)
    assert picture.stat().st_mtime_ns > before


def test_what_seeds_lack_is_said_in_each_cell(made):
    home, found, _ = made

    def shown(name, *seeds):
        done = Done(home, Asked("smoke", seeds), Places())
        return found[name].experiment.show(done).tables["table"].rows[0]

    for name, columns in (
        ("lei2017_table1", ("baseline", "coarse_to_fine", "oracle")),
        ("chen2018_table1", ("A_CC", "A_FC", "gain", "training A_CC", "training A_FC")),
    ):
        one, of_two = shown(name, 0), shown(name, 0, 1)
        for column in columns:
            assert of_two[column] == f"{one[column]} (1 of 2 seeds)"
    for name, columns in (
        ("lei2017_table1", ("baseline", "coarse_to_fine", "oracle")),
        ("chen2018_table1", ("A_CC", "A_FC")),
    ):
        none = shown(name, 2)
        assert [none[column] for column in columns] == ["missing"] * len(columns)


def test_a_point_without_a_ratio_is_noted_and_nothing_is_missing(made, monkeypatch):
    monkeypatch.setattr(Pair, "ratio", None)
    experiment = few()["chen2018_figure6"]
    shown = experiment.show(Done(made[0], SMOKE, Places()))
    assert shown.missing == ()
    notes = shown.tables["table"].notes
    assert notes[-1] == "No siblings were confused, and there is no ratio: cifar10."


def test_machines_keep_each_others_speeds(tmp_path, monkeypatch):
    (job, *_) = EXPERIMENTS["lei2017_table1"].jobs(SMOKE).values()

    def measure(job):  # Another machine writes its own meanwhile.
        (tmp_path / "speeds.json").write_text(json.dumps({"other": {"nin": 1.0}}))
        return 2.0

    monkeypatch.setattr("coarse2fine.reproduction.cost._measure", measure)
    cost._speeds([job], tmp_path, lambda line: None)
    found = json.loads((tmp_path / "speeds.json").read_text())
    assert found.pop("other") == {"nin": 1.0}
    assert [[*speeds.values()] for speeds in found.values()] == [[2.0]]


def test_commands_say_where_data_are_needed():
    command = importlib.import_module("coarse2fine.reproduction.make")._command
    for scale, name, expected in (
        ("smoke", "lei2017_table1", ""),
        ("quick", "lei2017_table1", " --data_dir=DATA"),
        ("quick", "lei2017_table2", " --ilsvrc2010=FOLDER"),
        ("paper", "chen2018_table2", ""),
    ):
        done = Done(pathlib.Path("w"), Asked(scale), Places())
        assert command(EXPERIMENTS[name], done) == (
            f"python launch/reproduce.py --experiment={name} --scale={scale}{expected} --workdir=W"
        )


def test_only_tables_of_runs_say_what_they_were_measured_with(made):
    _, found, _ = made
    assert "Measured with nin of width 0.1" in found["lei2017_table1"].text
    assert "Measured with" not in found["chen2018_table2"].text


def test_what_is_left_is_listed_with_its_cost(made, monkeypatch):
    home, _, _ = made
    monkeypatch.setattr(MODULE, "EXPERIMENTS", few())
    monkeypatch.setattr("coarse2fine.reproduction.cost._measure", lambda job: 100.0)
    lines = []
    asked = Asked("smoke", seeds=(0, 1))
    table = list_experiments(["lei2017_table1"], home, asked, lines.append)
    (row,) = table.rows
    assert (row["runs"], row["runs left"]) == ("6", "3")
    assert row["images"] == "2,304"
    assert row["hours"] == f"{2304 / 100 / 3600:.2f}"
    assert len(lines) == 1  # Its arms share a network.
    assert list_experiments(["lei2017_table1"], home, asked, lines.append) == table
    assert len(lines) == 1


def test_data_that_are_not_there_leave_the_others_to_be_made(tmp_path, monkeypatch):
    monkeypatch.setattr(MODULE, "EXPERIMENTS", few())
    names = ["chen2018_figure5", "chen2018_table2"]
    places = Places(str(tmp_path / "no"))
    fine, lacking = reproduce(names, tmp_path / "w", Asked("quick"), places)
    assert fine.experiment.name == "chen2018_table2"
    assert fine.text
    assert not fine.missing
    assert "tfds" in lacking.missing[0]
    with pytest.raises(InputError) as error:
        check_complete([lacking, fine])
    assert str(error.value).startswith("Not complete: chen2018_figure5.\n")


def test_what_cannot_be_shown_leaves_the_others_to_be_made(tmp_path, monkeypatch):
    def refuse(self, done):
        raise InputError("There is no openTSNE.")

    monkeypatch.setattr(MODULE, "EXPERIMENTS", few())
    monkeypatch.setattr(type(EXPERIMENTS["chen2018_table2"]), "show", refuse)
    two, three = reproduce(["chen2018_table2", "chen2018_table3"], tmp_path / "w", SMOKE)
    assert two.missing == ["chen2018_table2 cannot be shown: There is no openTSNE."]
    assert three.text
    assert not three.missing
    monkeypatch.undo()
    (again,) = reproduce(["chen2018_table2"], tmp_path / "w", SMOKE)
    assert again.text
    assert not again.missing


def test_without_running_it_shows_what_there_is(made, monkeypatch, tmp_path):
    home, _, _ = made
    monkeypatch.setattr(MODULE, "EXPERIMENTS", few())
    asked = Asked("smoke", seeds=(0, 5))
    record, old = (home / "lei2017_table1" / name for name in ("made.json", "old.md"))
    content = json.loads(record.read_text())
    record.write_text(json.dumps({**content, "files": [*content["files"], old.name]}))
    old.write_text("")
    (one,) = reproduce(["lei2017_table1"], home, asked, run=False)
    (row,) = rows(made, "lei2017_table1")
    assert re.fullmatch(r"[0-9.]+ \(1 of 2 seeds\)", row["oracle"])
    jobs = [*few()["lei2017_table1"].jobs(asked).values()]
    assert one.missing == [
        f"nin, {arm}, seed 5 ({job.name}) is missing: It was not run."
        for arm, job in zip(("baseline", "coarse_to_fine", "oracle"), jobs[3:], strict=True)
    ]
    assert not old.exists()  # What was made earlier alone is gone.
    (none,) = reproduce(["lei2017_table1"], tmp_path / "w", SMOKE, run=False)
    assert "| nin | missing | missing | missing |" in none.text
    reproduce(["lei2017_table1"], home, dataclasses.replace(SMOKE, with_ncm=True))


def test_a_damaged_record_is_made_again(made, monkeypatch):
    home, found, _ = made
    monkeypatch.setattr(MODULE, "EXPERIMENTS", few())
    (home / "chen2018_table1" / "made.json").write_text("{")
    (one,) = reproduce(["chen2018_table1"], home, SMOKE)
    assert one.text == found["chen2018_table1"].text


def test_ilsvrc2010_is_asked_for_where_it_is_needed():
    (job, *_) = EXPERIMENTS["lei2017_table2"].jobs(Asked("quick")).values()
    with pytest.raises(InputError, match=r"^The images of ILSVRC2010 are needed: give ilsvrc2010"):
        Places().load(job.config, "train")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked("tiny"), "Unknown scale 'tiny'. Known: smoke, quick, paper."),
        (Asked("smoke", ()), "seeds are [], expected some, each once."),
        (Asked("smoke", (1, 1)), "seeds are [1, 1], expected some, each once."),
        (
            Asked("smoke", with_ncm=True),
            "with_ncm is given, and is used with comparisons alone: lei2017_table1 to "
            "lei2017_table5.",
        ),
    ],
)
def test_refuses_what_cannot_be_asked(tmp_path, asked, message):
    with pytest.raises(InputError) as error:
        reproduce(["chen2018_table2"], tmp_path / "w", asked)
    assert str(error.value) == message
    assert not (tmp_path / "w").exists()


def test_a_workdir_is_of_one_scale_and_holds_nothing_else(made, tmp_path):
    home, _, _ = made
    with pytest.raises(InputError) as error:
        reproduce(["chen2018_table2"], home, Asked("quick"))
    assert str(error.value) == (
        f"{home} holds experiments of scale smoke, not quick. Use another workdir."
    )
    content = json.loads((home / "reproduction.json").read_text())
    other = tmp_path / "other"
    other.mkdir()
    (other / "reproduction.json").write_text(json.dumps({**content, "version": "0.0.1"}))
    with pytest.raises(InputError) as error:
        reproduce(["chen2018_table2"], other, SMOKE)
    assert str(error.value) == (
        f"{other} holds experiments of version 0.0.1, not {content['version']}. Use another "
        "workdir."
    )
    with pytest.raises(
        InputError, match=r"^Places of data are given, and scale smoke has built-in"
    ):
        reproduce(["chen2018_table2"], tmp_path / "w", SMOKE, Places("data"))
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(InputError) as error:
        reproduce(["chen2018_table2"], tmp_path, SMOKE)
    assert str(error.value) == (
        f"{tmp_path} holds files but no reproduction.json. Use another workdir."
    )


def test_a_run_of_another_version_is_reported_and_its_place_in_the_table_is_empty(
    made, monkeypatch
):
    home, _, _ = made
    monkeypatch.setattr(MODULE, "EXPERIMENTS", few())
    experiment = few()["chen2018_table1"]
    job = next(iter(experiment.jobs(SMOKE).values()))
    file = home / "runs" / job.name / "data.json"
    sound = file.read_text()
    file.write_text(json.dumps({**json.loads(sound), "format": 1}))
    try:
        (one,) = reproduce([experiment.name], home, SMOKE)
    finally:
        file.write_text(sound)
    (missing,) = one.missing
    assert missing.startswith(
        f"cifar10, coarse labels, seed 0 ({job.name}) is missing: {file.parent} holds a run in "
        "format 1"
    )
    assert f"Missing: {missing}" in one.text
    (row,) = rows(made, "chen2018_table1")
    assert row["A_CC"] == "missing"
    assert float(row["A_FC"]) > 0
    reproduce([experiment.name], home, SMOKE)


def test_a_job_is_finished_when_its_run_and_all_that_is_asked_of_it_are_there(made):
    home, found, _ = made
    (job,) = found["chen2018_figure5"].experiment.jobs(SMOKE).values()
    folder = home / "runs" / job.name
    assert job.is_finished(folder)
    assert not job.is_finished(home / "runs" / "another")
    assert not dataclasses.replace(job, views=2).is_finished(folder)
    assert not dataclasses.replace(job, config=job.config.replace(seed=5)).is_finished(folder)
    (baseline, *_) = found["lei2017_table1"].experiment.jobs(SMOKE).values()
    folder = home / "runs" / baseline.name
    assert baseline.is_finished(folder)
    assert not dataclasses.replace(baseline, on_training=True).is_finished(folder)
