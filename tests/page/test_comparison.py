"""Several runs side by side: where they differ, and what of them cannot be compared."""

import re

import pytest
from runs import draw_coarse_run, draw_fine_run

from coarse2fine.experiments.report_page import gather
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


def test_a_line_of_each_run_says_which_accuracy_it_is(tmp_path):
    assert "one (fine, validation)" in page_of(tmp_path, one={}, two={})
