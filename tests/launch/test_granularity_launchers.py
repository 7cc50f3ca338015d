"""The launchers about label granularity, from flags to files."""

import json
import re

import numpy as np
import pytest

from coarse2fine.training import Config

TINY = {
    "dataset": "shapes/2x3",
    "width": 0.05,
    "steps": 8,
    "batch_size": 64,
    "preprocess": "standardize",
    "schedule": "onecycle",
    "validation_fraction": 0,
}


@pytest.fixture(scope="module")
def module_tmp(tmp_path_factory):
    return tmp_path_factory.mktemp("granularity")


@pytest.fixture
def pair(launch, module_tmp):
    """The folder of a pair of runs, made by the launcher once."""
    home = module_tmp / "pair"
    if not home.exists():
        code, out, err = launch("granularity", "--training", workdir=home, **TINY)
        assert (code, err) == (None, "")
        (module_tmp / "out.txt").write_text(out)
    return home


def test_granularity_runs_a_pair_on_the_users_own_data(pair):
    table = (pair.parent / "out.txt").read_text().splitlines()[-3:]
    reports = {
        labels: json.loads((pair / labels / "report.json").read_text())
        for labels in ("fine", "coarse")
    }
    coarse, fine = reports["coarse"]["coarse_top1"], reports["fine"]["coarse_top1_from_fine"]
    assert table[0].startswith("| setting | A_CC | A_FC | gain |")
    assert table[2].startswith(
        f"| your data | {100 * coarse:.2f} | {100 * fine:.2f} | {100 * (fine - coarse):+.2f} |"
    )
    assert all(report["training"]["num_images"] == 1200 for report in reports.values())
    assert Config.load(pair / "fine" / "config.json").fine_fraction == 1


def test_evaluate_reports_the_training_images_where_asked(launch, pair):
    code, out, _ = launch("evaluate", "--training", workdir=pair / "fine")
    assert code is None
    report = json.loads(out)
    assert report["training"]["num_images"] == 1200
    assert json.loads((pair / "fine/report.json").read_text()) == report


def test_advise_reports_and_draws(launch, pair):
    pytest.importorskip("matplotlib", reason="the extra figures is not installed")
    code, out, err = launch("advise", workdir=pair / "fine", resamples=100)
    assert (code, err) == (None, "")
    assert out.startswith(f"# What finer labels are likely to bring: {pair}/fine\n")
    assert "| fine and coarse |" in out
    assert out.endswith(f"Wrote {pair}/fine/figures/advice.png\n")
    assert (pair / "fine/advice.md").read_text() in out


def test_advise_refuses_a_run_on_coarse_labels(launch, pair):
    code, _, err = launch("advise", workdir=pair / "coarse")
    assert code == 2
    assert err.startswith(f"Error: The run in {pair}/coarse was trained on coarse labels alone: ")
    assert err.count("\n") == 1
    assert not (pair / "coarse/advice.json").exists()


def test_figures_are_drawn_of_a_run_and_of_a_folder(launch, pair):
    pytest.importorskip("openTSNE", reason="the extra figures is not installed")
    code, out, err = launch("figures", "--embedding", workdir=pair / "fine", images=40)
    assert (code, err) == (None, "")
    wrote = [line.removeprefix("Wrote ") for line in out.splitlines() if line.startswith("Wrote ")]
    assert wrote == [
        f"{pair}/fine/figures/confusion.png",
        f"{pair}/fine/figures/embedding.png",
        f"{pair}/fine/events/projector",
    ]
    code, out, err = launch("figures", workdir=pair)
    assert (code, err) == (None, "")
    assert out == f"Wrote {pair}/figures/gain_against_ratio.png\n"


def test_the_run_on_coarse_labels_of_ones_own_data_may_have_the_extra_layer(launch, tmp_path):
    code, out, err = launch("granularity", "--extra_layer", workdir=tmp_path / "new", **TINY)
    assert (code, err) == (None, "")
    assert "| your data | " in out
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "extra_layer=True_coarse",
        "fine",
    ]
    assert Config.load(tmp_path / "new/extra_layer=True_coarse/config.json").extra_layer
    code, _, err = launch("train", "--extra_layer", workdir=tmp_path / "run", **TINY)
    assert code == 2
    assert "extra_layer is True, and is used with labels=coarse alone" in err


class TestTaxonomyFiles:
    LEFT_OUT = "Classes that the taxonomy does not name, left out: 1, with 200 images.\n"

    def write(self, tmp_path, text, suffix="csv"):
        path = tmp_path / f"task.{suffix}"
        path.write_text(text)
        return path

    def test_regroup_rename_and_drop_classes(self, launch, tmp_path):
        path = self.write(
            tmp_path,
            "fine,coarse,source_name\nzebra,stripes,striped disk\n"
            "tiger,stripes,striped square\ndice,dots,dotted square\n",
        )
        code, out, err = launch(
            "train", workdir=tmp_path / "run", **{**TINY, "dataset": "shapes/2x2"}, taxonomy=path
        )
        assert (code, err) == (None, "")
        assert out.startswith(f"{self.LEFT_OUT}run: 8 updates\n")
        code, out, _ = launch("evaluate", workdir=tmp_path / "run")
        assert json.loads(out)["num_images"] == 300
        assert json.loads((tmp_path / "run/taxonomy.json").read_text())["fine_names"] == [
            *("zebra", "tiger", "dice")
        ]

    @pytest.mark.parametrize(
        ("launcher", "values", "first"),
        [
            ("granularity", {}, "coarse: 8 updates\n"),
            ("compare", {}, "baseline_8: 8 updates\n"),
            (
                "compare",
                {"schedule": "plateau", "refit": True, "validation_fraction": 0.1},
                "baseline_8/search: 8 updates\n",
            ),
        ],
    )
    def test_classes_that_are_left_out_are_named_once_before_the_first_run(
        self, launch, tmp_path, launcher, values, first
    ):
        path = self.write(
            tmp_path,
            "fine,coarse\nstriped disk,x\ndotted disk,x\nstriped square,y\n",
        )
        values = {**TINY, "dataset": "shapes/2x2", "taxonomy": path, **values}
        code, out, err = launch(launcher, workdir=tmp_path / "runs", **values)
        assert (code, err) == (None, "")
        assert out.startswith(self.LEFT_OUT + first)
        assert out.count(self.LEFT_OUT) == 1

    @pytest.mark.parametrize(
        ("text", "suffix", "message"),
        [
            (
                json.dumps(
                    {
                        "fine_names": ["striped disk", "dotted disk"],
                        "coarse_names": ["disk", "square"],
                        "parent": [0, 0],
                    }
                ),
                "json",
                "The taxonomy cannot be used: coarse class 'square' has no children.",
            ),
            (
                "fine,coarse\nstriped disk,x\nstriped disk,y\n",
                "csv",
                "fine class 'striped disk' already stands in line 2.",
            ),
            ("fine,coarse\nstriped disk,x\nzebra,y\n", "csv", "zebra"),
        ],
    )
    def test_that_do_not_fit_are_refused(self, launch, tmp_path, text, suffix, message):
        path = self.write(tmp_path, text, suffix)
        code, _, err = launch("train", workdir=tmp_path / "run", **TINY, taxonomy=path)
        assert code == 2
        assert message in err
        assert err.count("\n") == 1
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (
                "fine,coarse\nstriped disk,all\ndotted disk,all\nstriped square,all\n",
                "all 3 fine classes have one parent. Use two coarse classes or more.",
            ),
            (
                "fine,coarse\nstriped disk,x\ndotted disk,y\nstriped square,z\n",
                "no two of the 3 fine classes are siblings. Use a coarser taxonomy.",
            ),
        ],
    )
    def test_without_a_ratio_give_null_in_the_report_and_a_reason_from_advise(
        self, launch, tmp_path, text, reason
    ):
        path = self.write(tmp_path, text)
        values = {**TINY, "dataset": "shapes/2x2"}
        assert launch("train", workdir=tmp_path / "run", **values, taxonomy=path)[0] is None
        code, out, _ = launch("evaluate", workdir=tmp_path / "run")
        assert code is None
        assert json.loads(out)["average_confusion_ratio"] is None
        code, _, err = launch("advise", workdir=tmp_path / "run")
        assert code == 2
        assert err == f"Error: The average confusion ratio is undefined: {reason}\n"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fine_label_noise": 1.5}, "fine_label_noise is 1.5, expected from 0 to 1."),
        ({"fine_label_noise": -0.1}, "fine_label_noise is -0.1, expected from 0 to 1."),
        ({"data_fraction": 0}, "data_fraction is 0.0, expected above 0 and at most 1."),
        ({"data_fraction": 2}, "data_fraction is 2.0, expected above 0 and at most 1."),
        ({"head_dropout": 1}, "head_dropout is 1.0, expected "),
    ],
)
def test_shares_out_of_range_are_refused(launch, tmp_path, values, message):
    code, _, err = launch("train", workdir=tmp_path / "run", **TINY, **values)
    assert code == 2
    assert err.startswith(f"Error: The config cannot be used: {message}")
    assert not list(tmp_path.iterdir())


def test_noise_is_reported(launch, tmp_path):
    path = tmp_path / "run"
    code, out, err = launch("train", workdir=path, **TINY, labels="fine", fine_label_noise=0.3)
    assert (code, err) == (None, "")
    line = r"^Fine labels trained on that noise changed: (\d+)\.$"
    changed = int(re.search(line, out, re.M)[1])
    # Of 600 labels .3 are drawn anew, two thirds of those to another class.
    assert abs(changed - 120) < 5 * np.sqrt(600 * 0.2 * 0.8)
    _, out, _ = launch("evaluate", workdir=path)
    assert json.loads(out)["fine_labels_changed"] == changed


def test_an_unknown_experiment_is_refused_with_the_known_ones(launch, tmp_path):
    code, _, err = launch("granularity", workdir=tmp_path / "new", **TINY, experiment="table9")
    assert code == 2
    assert err.startswith("Error: Unknown experiment 'table9'. Known: table1, figure2, ")
    assert not list(tmp_path.iterdir())
