"""Several runs side by side: where they differ, and what of them cannot be compared."""

import json
import re

import pytest
from page_reader import Reader
from runs import draw_coarse_run, draw_fine_run

from coarse2fine.errors import InputError
from coarse2fine.evaluation.evaluated_run import EvaluatedRun
from coarse2fine.experiments.report_page import gather, write_page
from coarse2fine.page import make_page

DONE = {"epoch": 1, "step": 10, "images_seen": 1280, "seconds": 90.0, "val_fine_top1": 0.5}


def page_of(folder, **runs):
    """The page of runs on fine labels, by their names, with these options."""
    for name, options in runs.items():
        draw_fine_run(folder / name, metrics=[DONE], **options)
    return make_page([gather(folder / name, examples=False) for name in runs])


def rows_of(page):
    """The cells of the first table, by the names of its rows."""
    table = re.search(r"<table>.*?</table>", page, re.DOTALL)[0]
    rows = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in table.split("<tr>")[1:]]
    return {name: cells for name, *cells in rows}


def warnings_above(page):
    """What warns above the first table."""
    return re.findall(r'<p class="warning">(.*?)</p>', page[: page.index("<table>")])


def test_rows_say_what_runs_learned_from_and_what_they_were_evaluated_on(tmp_path):
    draw_fine_run(tmp_path / "a", dataset="shapes/2x3", test_fingerprint="0123456789abcdef")
    options = {"dataset": "cifar100", "test_fingerprint": 64 * "f", "views": 2, "num_images": 1200}
    draw_coarse_run(tmp_path / "b", **options)
    draw_fine_run(tmp_path / "c", dataset="shapes/2x3", labels="oracle", step=5)
    rows = rows_of(make_page([gather(tmp_path / name, examples=False) for name in "abc"]))
    assert rows[""] == ["a", "b", "c"]
    assert rows["data set"] == ["shapes/2x3", "cifar100", "shapes/2x3"]
    assert rows["learns from"] == [
        "fine labels alone (baseline)",
        "coarse labels alone",
        "fine labels of all images (oracle)",
    ]
    assert rows["test images, by fingerprint"] == ["0123456789ab", "ffffffffffff", "not evaluated"]
    assert rows["number of test images"] == ["600", "1,200", ""]
    assert rows["views of each"] == ["1", "2", ""]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({}, []),
        ({"step": 5, "views": 2, "test_fingerprint": "others"}, []),
        ({"test_fingerprint": "others"}, ["on different test images"]),
        ({"views": 2}, ["in different numbers of views of each test image"]),
        (
            {"views": 2, "test_fingerprint": "others"},
            ["on different test images", "in different numbers of views of each test image"],
        ),
    ],
)
def test_accuracies_that_cannot_be_compared_have_a_warning_above_them(tmp_path, other, why):
    assert warnings_above(page_of(tmp_path, one={}, two={}, three=other)) == [
        f"<b>Their accuracies cannot be compared:</b> these runs were evaluated {reason}."
        for reason in why
    ]


def test_runs_of_which_none_is_evaluated_have_no_rows_of_test_images(tmp_path):
    page = page_of(tmp_path, one={"step": 5}, two={"step": 5})
    assert [*rows_of(page)] == ["", "data set", "learns from", "updates", "images seen", "minutes"]
    assert warnings_above(page) == []


def test_what_a_refit_took_includes_its_search(tmp_path):
    draw_fine_run(tmp_path / "a", metrics=[DONE], refit=True)
    search = {**DONE, "step": 10, "images_seen": 1281, "seconds": 30.0}
    (tmp_path / "a/search").mkdir()
    (tmp_path / "a/search/metrics.jsonl").write_text(json.dumps(search) + "\n")
    draw_fine_run(tmp_path / "b", metrics=[DONE])
    page = write_page(tmp_path).read_text()
    rows = rows_of(page)
    assert rows["updates, searches included"] == ["20", "10"]
    assert rows["images seen, searches included"] == ["2,561", "1,280"]
    assert rows["minutes, searches included"] == ["2.0", "1.5"]
    facts = Reader(make_page([gather(tmp_path / "a", examples=False)])).texts("dd")
    assert [*facts[-5:]] == ["10 of 10", "10", "2,561", "2.0 minutes", "21"]


def test_runs_that_were_evaluated_by_other_checkpoints_say_so(tmp_path):
    lines = [{**DONE, "step": 5, "val_fine_top1": 0.6}, {**DONE, "epoch": 2}]
    draw_fine_run(tmp_path / "best", step=5, metrics=lines)
    draw_fine_run(tmp_path / "newest", metrics=lines)
    runs = [gather(tmp_path / name, examples=False) for name in ("best", "newest")]
    text = "5 of 10 updates: the best checkpoint, by validation accuracy"
    assert rows_of(make_page(runs))["evaluated after"] == [text, "10 of 10 updates"]
    assert f"Evaluated after {text}." in Reader(make_page(runs[:1])).texts("p")


def test_a_run_that_cannot_be_read_is_left_out_and_named(tmp_path, caplog):
    for name in "abc":
        draw_fine_run(tmp_path / name, metrics=[DONE])
    (tmp_path / "b/metrics.jsonl").write_text("[]\n")
    reason = (
        f"{tmp_path}/b/metrics.jsonl, line 1 is damaged: expected the metrics of an epoch, a JSON "
        "object. Restore the line, or remove it."
    )
    page = write_page(tmp_path).read_text()
    assert rows_of(page)[""] == ["a", "c"]
    assert warnings_above(page) == [f"<b>A run is left out.</b> {reason}"]
    assert caplog.messages == [f"A run is left out. {reason}"]


def test_what_one_run_alone_shows_is_named_where_there_are_several(tmp_path):
    text = (
        "Where in test images a run saw its classes, and which siblings it takes for each other, "
        f"stands on a page of that run alone: launch/report.py --workdir={tmp_path}/two."
    )
    assert text in Reader(page_of(tmp_path, one={"step": 5}, two={})).texts("p")
    assert "stands on a page" not in page_of(tmp_path / "neither", one={"step": 5}, two={"step": 5})


def test_one_run_that_is_left_is_shown_as_one(tmp_path):
    for name in "ab":
        draw_fine_run(tmp_path / name, metrics=[DONE])
    (tmp_path / "a/data.json").write_text('{"format": 2}')
    reader = Reader(write_page(tmp_path).read_text())
    assert reader.texts("h1") == ["b"]
    warning, no_images = (text for text in reader.texts("p") if "left out" in text or "No " in text)
    assert warning.startswith(f"A run is left out. {tmp_path}/a holds a run in format 2")
    assert no_images.startswith("No test images are shown. ")
    (tmp_path / "b/data.json").write_text('{"format": 1}')
    message = rf"^No run in {tmp_path} can be read\. {tmp_path}/a holds .* {tmp_path}/b holds "
    with pytest.raises(InputError, match=message):
        write_page(tmp_path)


@pytest.mark.parametrize("given", [{"data_dir": "/data"}, {"source": object()}])
def test_test_images_are_given_for_one_run_alone(tmp_path, given):
    for name in "ab":
        draw_fine_run(tmp_path / name, metrics=[DONE])
    with pytest.raises(InputError) as error:
        write_page(tmp_path, **given)
    assert str(error.value) == (
        f"data_dir and source are of the test images of one run, and {tmp_path} holds 2 runs: name "
        "one of them."
    )


def test_each_run_of_a_folder_is_read_as_often_however_many_there_are(tmp_path, monkeypatch):
    for name in "abcde":
        draw_fine_run(tmp_path / name, metrics=[DONE])
    read, load = [], EvaluatedRun.load
    monkeypatch.setattr(
        EvaluatedRun, "load", lambda path, name=None: read.append(path.name) or load(path, name)
    )
    write_page(tmp_path)
    assert sorted(read) == sorted(2 * "abcde"), "once by itself, and once beside the others"


def test_a_line_of_each_run_says_which_accuracy_it_is(tmp_path):
    assert "one (fine, validation)" in page_of(tmp_path, one={}, two={})
