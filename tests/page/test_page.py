"""The page of runs: what it says, that it is well formed, and that it fetches nothing."""

import base64
import dataclasses
import hashlib
import json
import re
import shlex
import shutil
import subprocess

import numpy as np
import pytest
from page_reader import Reader

from coarse2fine.data import ArraySource
from coarse2fine.errors import InputError
from coarse2fine.evaluation import evaluate
from coarse2fine.evaluation.chosen import choose_images
from coarse2fine.evaluation.class_maps import class_maps
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.evaluation.hardest_pairs import hardest_pairs
from coarse2fine.evaluation.promise_text import promise_text
from coarse2fine.experiments.report_page import gather, write_page
from coarse2fine.page import make_page
from coarse2fine.page.charts import Line, line_chart
from coarse2fine.page.html import Html, element, table
from coarse2fine.page.parts.command import command_of
from coarse2fine.page.style import STYLE
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, load_run, load_split, train
from coarse2fine.training.workdir import Workdir

TINY = Config(
    dataset="shapes/2x3",
    width=0.05,
    validation_fraction=0.3,
    batch_size=100,
    steps=12,
    schedule="cosine",
    preprocess="standardize",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Two finished runs, the first of them calibrated, and one that is neither."""
    folder = tmp_path_factory.mktemp("page")
    for name, changes in (("a<b", {}), ("coarse", {"labels": "coarse"})):
        run = train(TINY.replace(**changes), folder / name)
        evaluate(run, error=0.5 if name == "a<b" else None)
    train(TINY.replace(steps=4), folder / "cut")
    config = json.loads((folder / "cut" / "config.json").read_text())
    (folder / "cut" / "config.json").write_text(json.dumps({**config, "steps": 40}))
    return folder


@pytest.fixture(scope="module")
def page(home):
    path = write_page(home / "a<b")
    assert path == home / "a<b" / "report.html"
    return path.read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_fetches_nothing(page):
    reader = Reader(page)
    assert reader.urls
    assert all(url.startswith("data:image/") for url in reader.urls)
    assert "://" not in re.sub(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", "", page)
    assert reader.texts("h1") == ["a<b"]
    assert reader.texts("title")[0] == "a<b"


def test_browsers_let_the_page_use_what_is_inside_it_alone(page):
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    allowed = dict(part.split(" ", 1) for part in policy[1].split("; "))
    assert page.index("<meta http-equiv") < page.index("<style>")
    for tag in ("style", "script"):
        ((start, content),) = re.findall(rf"<{tag}([^>]*)>(.*?)</{tag}>", page, re.DOTALL)
        assert start == ""
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert allowed.pop(f"{tag}-src") == f"'sha256-{digest}'"
    none = dict.fromkeys(("default-src", "base-uri", "form-action"), "'none'")
    assert allowed == {**none, "img-src": "data:"}
    assert not re.search(r"<[^>]* (style|on[a-z]+)=", page), "the policy forbids them"


def test_the_page_has_every_part_of_a_calibrated_run(page):
    assert Reader(page).texts("h2") == [
        "What was trained on what",
        "Accuracy by level",
        "Curves",
        "Where it saw its classes",
        "Hardest siblings",
        "Confusion by coarse classes",
        "Accuracy by class",
        "When to trust it",
        "What finer labels bring",
        "Cost",
        "Made again by",
    ]


def test_the_table_of_classes_is_the_confusion_matrix(home, page):
    run = EvaluatedRun.load(home / "a<b")
    confusion = run.decisions.fine_confusion(6)
    rows = [text for tag, _, text in Reader(page).found if tag == "tr"]
    for fine, name in enumerate(run.taxonomy.fine_names):
        named = name + run.taxonomy.coarse_names[run.taxonomy.parent[fine]]
        (row,) = [text for text in rows if text.startswith(named)]
        total, right = confusion[fine].sum(), confusion[fine, fine]
        assert row.startswith(f"{named}{total}{100 * right / total:.2f} %")


def test_numbers_of_the_report_stand_in_the_page(home, page):
    report = EvaluatedRun.load(home / "a<b").report
    shown = Reader(page).texts("dd") + Reader(page).texts("td") + Reader(page).texts("b")
    for value in (
        report["fine_top1"],
        report["coarse_top1"],
        report["calibration"]["fine"]["error_after"],
        report["backing_off"]["nothing"],
    ):
        assert f"{100 * value:.2f} %" in shown
    assert "12 of 12" in shown
    assert "1,200" in shown, "images seen"


def test_the_page_says_what_backing_off_promises(home, page):
    run = gather(home / "a<b")
    assert promise_text(run.report["backing_off"]) in Reader(page).texts("p")
    before = {
        name: value
        for name, value in run.report["backing_off"].items()
        if name not in ("validation_chose", "num_validation_images", "lowest_error")
    }
    of_before = dataclasses.replace(run, report={**run.report, "backing_off": before})
    assert (
        "What is promised is not known: the report does not say what validation images chose. "
        "Evaluate the run again with --error."
    ) in Reader(make_page([of_before])).texts("p")


def test_an_unfinished_run_is_shown_as_such(home):
    run = gather(home / "cut")
    assert run.notes == ("This run is not finished: 4 of 40 updates are in its metrics.",)
    reader = Reader(make_page([run]))
    assert run.notes[0] in reader.texts("p")
    assert "Accuracy by level" not in reader.texts("h2")
    assert "4 of 40" in reader.texts("dd")


def test_a_finished_run_that_is_not_evaluated_says_how_to(home, tmp_path):
    train(TINY.replace(steps=2), tmp_path / "run")
    (note,) = gather(tmp_path / "run").notes
    assert note == (
        f"Accuracies on test images are missing. The run in {tmp_path / 'run'} has not been "
        f"evaluated: there is no {tmp_path / 'run' / 'report.json'}. Run launch/evaluate.py "
        f"--workdir={tmp_path / 'run'} first."
    )


def test_test_images_that_are_not_there_leave_examples_out(home, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "coarse2fine.experiments.report_page.load_split",
        lambda *arguments: (_ for _ in ()).throw(InputError("No such set.")),
    )
    run = gather(home / "a<b")
    assert run.notes == ("No test images are shown. No such set.",)
    assert run.maps == {}
    assert run.confused == ()
    assert "Hardest siblings" not in Reader(make_page([run])).texts("h2")


def test_other_test_images_than_it_was_evaluated_on_are_not_shown(home, tmp_path):
    shutil.copytree(home / "a<b", tmp_path / "run")
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    report["test_fingerprint"] = "of others"
    (tmp_path / "run" / "report.json").write_text(json.dumps(report))
    run = gather(tmp_path / "run")
    assert run.notes == (
        "No test images are shown. These are not the ones that the run was evaluated on.",
    )


def test_a_network_that_cannot_be_loaded_leaves_its_maps_out_and_no_image(home, tmp_path):
    shutil.copytree(home / "a<b", tmp_path / "run")
    (path,) = (tmp_path / "run" / "checkpoints").glob("step-*.npz")
    path.write_bytes(path.read_bytes()[:-100])
    run = gather(tmp_path / "run")
    (note,) = run.notes
    assert note.startswith(f"No class maps are shown. All checkpoints in {path.parent} are damaged")
    assert run.maps == {}
    titles = Reader(make_page([run])).texts("h2")
    assert "Hardest siblings" in titles
    assert "Where it saw its classes" not in titles


def test_maps_of_a_run_that_was_evaluated_in_several_views_say_that_they_are_of_one(home, page):
    run = gather(home / "a<b")
    assert "views; maps" not in page
    report = {**run.report, "views": 2}
    shown = make_page([dataclasses.replace(run, report=report)])
    assert "Images were named in 2 views; maps and probabilities are of one." in shown


def test_several_runs_stand_side_by_side(home):
    path = write_page(home, home / "new" / "all.html")
    reader = Reader(path.read_text(encoding="utf-8"))
    assert reader.texts("h1") == ["3 runs"]
    assert reader.texts("h2")[0] == "Side by side"
    assert reader.texts("summary") == ["a<b", "coarse", "cut"]
    head = next(text for tag, _, text in reader.found if tag == "thead")
    assert head == "a<bcoarsecut"
    assert "Where it saw its classes" not in reader.texts("h2"), "examples are of one run"


def test_what_is_missing_of_each_of_several_runs_stands_outside_of_what_is_folded(home):
    page = write_page(home, home / "new" / "all.html").read_text(encoding="utf-8")
    unfolded = Reader(re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL)).texts("p")
    assert unfolded[:-1] == [
        "coarse: It is not calibrated: evaluate it with --error to see when to trust it.",
        "cut: This run is not finished: 4 of 40 updates are in its metrics.",
    ]


def test_refuses_a_folder_without_a_run(tmp_path):
    with pytest.raises(InputError) as error:
        write_page(tmp_path)
    assert str(error.value) == f"{tmp_path} holds no run, and no folder in it does."
    with pytest.raises(InputError, match=r"^There are no runs to draw\.$"):
        make_page([])


def test_the_command_makes_the_same_config(home, launcher_flags):
    import config_flags
    from absl import flags

    config = Config(
        **{
            **json.loads((home / "a<b" / "config.json").read_text()),
            "schedule": "milestones",
            "milestones": ((0.5, 0.1), (0.75, 0.01)),
            "nesterov": True,
            "label_smoothing": 0.1,
        }
    )
    text = command_of(config)
    words = shlex.split(text.replace("\\\n", " "))
    assert words[:3] == ["python", "launch/train.py", "--workdir=W"]
    read = config_flags.define_config()
    flags.FLAGS([words[1], *words[3:]])
    assert read() == config


@pytest.mark.parametrize("schedule", ["plateau", "onecycle", "cosine"])
def test_the_command_has_nothing_that_is_a_default(schedule):
    flags = [] if schedule == "plateau" else [f"--schedule={schedule}"]
    expected = " \\\n  ".join(["python launch/train.py", "--workdir=W", *flags])
    assert command_of(Config(schedule=schedule)) == expected


def test_a_run_whose_images_were_given_in_python_is_made_again_there(tmp_path):
    drawn = [load_split(TINY, split) for split in ("train", "test")]
    source, test = (
        ArraySource(np.concatenate([*each.chunks(range(len(each)))]), each.taxonomy, each.fine)
        for each in drawn
    )
    run = train(TINY.replace(dataset="shapes"), tmp_path / "run", source=source)
    evaluate(run, source=test)
    (note,) = [n for n in gather(tmp_path / "run").notes if "images" in n]
    assert note == (
        "No test images are shown. The images of this run were given in Python: give them as "
        "source=..."
    )
    page = write_page(tmp_path / "run", source=test).read_text(encoding="utf-8")
    reader = Reader(page)
    assert {"Where it saw its classes", "Hardest siblings"} <= {*reader.texts("h2")}
    assert not [text for text in reader.texts("p") if "No " in text]

    (code,) = reader.texts("code")
    assert "dataset" not in code
    *head, last = code.splitlines()
    assert last == 'run = train(config, "W", source=source)'
    made = {}
    exec("\n".join(head), made)
    assert made["config"].replace(dataset=run.config.dataset) == run.config


def test_a_run_that_was_evaluated_by_its_best_checkpoint_is_shown_in_full(tmp_path):
    # The rate at the end undoes what was learned before.
    changes = {"schedule": "milestones", "milestones": ((0.7, 1e3),), "learning_rate": 0.005}
    train(TINY.replace(steps=24, **changes), tmp_path)
    best = load_run(tmp_path, "best")
    assert best.step < 24
    evaluate(best)
    run = gather(tmp_path)
    assert run.notes == ("It is not calibrated: evaluate it with --error to see when to trust it.",)
    text = (
        f"Evaluated after {best.step} of 24 updates: the best checkpoint, by validation accuracy."
    )
    assert text in Reader(make_page([run])).texts("p")
    indices = choose_images(run.decisions, run.taxonomy, 4, run.config.seed)["right"]
    maps = class_maps(best, load_split(run.config, "test"), indices)
    for shown, expected in zip(run.maps["right"], maps, strict=True):
        np.testing.assert_array_equal(shown.maps[0].heat, expected.maps[0].heat)


def test_a_run_on_coarse_labels_shows_how_coarse_classes_are_named(home):
    run = gather(home / "coarse", examples=False)
    reader = Reader(make_page([run]))
    assert "Confusion of coarse classes" in reader.texts("h2")
    confusion = run.decisions.coarse_confusion(2)
    rows = [text for tag, _, text in reader.found if tag == "tr"]
    assert "classimagesrightmost taken for" in rows
    for coarse, name in enumerate(run.taxonomy.coarse_names):
        total, right = confusion[coarse].sum(), confusion[coarse, coarse]
        other = 1 - coarse
        wrong = total - right
        taken = f"{run.taxonomy.coarse_names[other]} ({wrong})" if wrong else ""
        assert f"{name}{total}{100 * right / total:.2f} %{taken}" in rows


def test_text_is_escaped_and_html_is_not():
    assert element("p", "a < b", element("b", 1), None, [2, "&"], class_="x") == (
        '<p class="x">a &lt; b<b>1</b>2&amp;</p>'
    )
    assert element("p", title='"') == '<p title="&quot;"></p>'
    assert isinstance(element("p"), Html)


def test_cells_sort_by_their_number():
    written = table(["a"], [[("50.00 %", 0.5)], [1234], ["x<y"]], sortable=True)
    assert '<td class="number" data-sort="0.5">50.00 %</td>' in written
    assert '<td class="number" data-sort="1234">1,234</td>' in written
    assert "<td>x&lt;y</td>" in written
    assert '<table class="sortable">' in written


def test_a_chart_places_its_points_in_its_axes():
    chart = line_chart([Line("a", [0, 10], [0.0, 1.0]), Line("b", [5], [0.5])], "epoch", "share")
    points = re.findall(r'points="([^"]*)"', chart)
    first, last = (tuple(map(float, p.split(","))) for p in points[0].split())
    (middle,) = (tuple(map(float, p.split(","))) for p in points[1].split())
    assert first[0] < middle[0] < last[0]
    assert first[1] > middle[1] > last[1], "up is less in SVG"
    np.testing.assert_allclose(np.mean([first, last], 0), middle, atol=0.1)
    ticks = re.findall(r'text-anchor="end">([^<]*)<', chart)
    assert ticks == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


def test_the_numbers_beside_a_chart_lie_within_it():
    chart = line_chart([Line("a", [1, 200], [0.33331, 0.33333])], "epoch", "share")
    ends = re.findall(r'<text x="([^"]*)" [^>]*text-anchor="end">([^<]*)<', chart)
    assert max(len(text) for _, text in ends) > 6
    # On narrow screens a digit is about 11 wide.
    assert all(float(x) >= 11 * len(text) for x, text in ends)
    middles = re.findall(r'<text x="([^"]*)" [^>]*text-anchor="middle">([^<]*)<', chart)
    assert "200" in [text for _, text in middles]
    assert all(float(x) + 5.5 * len(text) <= 640 for x, text in middles)


def test_the_lines_of_a_chart_look_unlike_each_other_and_have_their_names():
    chart = line_chart([Line(f"run {n}", [0, 1], [n, n]) for n in range(24)], "x", "y")
    lines = re.findall(r'<polyline [^>]*class="line ([^"]*)"><title>([^<]*)</title>', chart)
    assert [name for _, name in lines] == [f"run {n}" for n in range(24)]
    looks = [look for look, _ in lines]
    assert len({*looks}) == 24
    keys = re.findall(r'<line [^>]*class="line ([^"]*)"></line></svg>(run \d+)</li>', chart)
    assert keys == lines
    for name in {name for look in looks for name in look.split()} - {"d0"}:
        assert re.search(rf"\.{name} \{{", STYLE), "the style has it"


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_what_is_folded_is_printed(home, tmp_path):
    page = write_page(home, tmp_path / "folded.html").read_text(encoding="utf-8")
    (tmp_path / "unfolded.html").write_text(page.replace("<details>", "<details open>"))
    (tmp_path / "without.html").write_text(re.sub(r"<details>.*?</details>", "", page, flags=re.S))
    folded, unfolded, without = (
        printed_pages(tmp_path / f"{name}.html") for name in ("folded", "unfolded", "without")
    )
    assert folded == unfolded > without


def printed_pages(path):
    """How many pages a browser prints."""
    pdf = path.with_suffix(".pdf")
    options = ["--headless", "--no-sandbox", f"--user-data-dir={path.parent}/profile"]
    subprocess.run(
        ["chromium", *options, f"--print-to-pdf={pdf}", str(path)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return len(re.findall(rb"/Type */Page\b", pdf.read_bytes()))


def test_a_chart_of_one_point_or_of_equal_ones_has_axes():
    assert "nan" not in line_chart([Line("a", [1], [2.0])], "x", "y")
    assert "nan" not in line_chart([Line("a", [1, 2], [2.0, 2.0])], "x", "y")


def test_the_hardest_pairs_are_siblings_that_are_named_as_the_other(home):
    run = EvaluatedRun.load(home / "a<b")
    pairs = hardest_pairs(run.decisions, run.taxonomy, most=20)
    confusion = run.decisions.fine_confusion(6)
    parent = run.taxonomy.parent
    shares = {}
    for a in range(6):
        for b in range(a + 1, 6):
            both = confusion[a, b] + confusion[b, a]
            if parent[a] == parent[b] and both:
                shares[a, b] = both / (confusion[a].sum() + confusion[b].sum())
    assert {pair.classes: pytest.approx(pair.share) for pair in pairs} == shares
    assert [pair.share for pair in pairs] == sorted(shares.values(), reverse=True)
    for pair in pairs:
        named = run.decisions.best_fine[pair.images]
        true = run.decisions.fine[pair.images]
        assert {*named, *true} <= {*pair.classes}
        assert (named != true).all()
    assert len(hardest_pairs(run.decisions, run.taxonomy, most=1)) == 1


def test_the_workdirs_own_words_are_read(home):
    assert gather(home / "coarse").taxonomy == Workdir(home / "coarse").read_taxonomy()
    assert isinstance(gather(home / "coarse").taxonomy, Taxonomy)
    assert gather(home / "coarse").advice is None
