"""The launcher of the papers' tables and figures, from flags to files."""

import pytest

from coarse2fine.reproduction import EXPERIMENTS


def test_a_table_is_printed_and_its_files_are_named(launch, tmp_path):
    home = tmp_path / "w"
    code, out, err = launch("reproduce", experiment="chen2018_table2", workdir=home)
    assert (code, err) == (None, "")
    written = [home / "chen2018_table2" / f"table.{suffix}" for suffix in ("md", "csv", "tex")]
    lines = out.splitlines()
    assert lines[-3:] == [f"Wrote {path}" for path in written]
    assert written[0].read_text().strip() in out
    assert launch("reproduce", experiment="chen2018_table2", workdir=home) == (code, out, err)


def test_what_is_missing_is_named_at_the_end_and_in_the_exit_code(launch, tmp_path):
    code, out, err = launch(
        "reproduce",
        experiment="chen2018_figure5,chen2018_table2",
        scale="quick",
        workdir=tmp_path / "w",
        data_dir=tmp_path / "empty",
    )
    assert code == 2
    assert "| cifar10 | animal | bird, cat, deer, dog, frog, horse |" in out
    first, *reasons = err.splitlines()
    assert first == "Error: Not complete: chen2018_figure5."
    assert reasons[0].startswith("cifar10, fine labels, seed 0 (cifar10_preact_resnet_fine_")
    assert "tfds" in reasons[0]


def test_the_list_names_every_experiment(launch, tmp_path, monkeypatch):
    monkeypatch.setattr("coarse2fine.reproduction.cost._measure", lambda job: 50.0)
    code, out, err = launch("reproduce", "--list", workdir=tmp_path / "w")
    assert (code, err) == (None, "")
    named = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("| ")]
    assert named == ["experiment", "---", *EXPERIMENTS]
    # What the list has measured does not make the folder another's.
    code, _, err = launch("reproduce", experiment="chen2018_table2", workdir=tmp_path / "w")
    assert (code, err) == (None, "")


@pytest.mark.parametrize("flag", ["--norun", "--data_dir=d", "--ilsvrc2010=d"])
def test_the_list_refuses_what_it_would_not_use(launch, tmp_path, flag):
    code, out, err = launch("reproduce", "--list", flag, workdir=tmp_path / "w")
    name = flag.split("=")[0].removeprefix("--").removeprefix("no")
    assert (code, out) == (2, "")
    assert err == f"Error: --{name} does not go with --list, which runs nothing.\n"


def test_unknown_experiments_are_answered_with_the_known(launch, tmp_path):
    known = ", ".join(EXPERIMENTS)
    for given, message in (
        ({"experiment": "table1"}, f"Unknown experiment 'table1'. Known: all, {known}."),
        ({}, f"No experiment is named. Known: all, {known}."),
    ):
        code, out, err = launch("reproduce", workdir=tmp_path / "w", **given)
        assert (code, out, err) == (2, "", f"Error: {message}\n")
