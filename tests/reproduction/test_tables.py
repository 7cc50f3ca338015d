"""Tables in three forms that hold the same."""

import csv
import re

from coarse2fine.experiments.table import Table

TABLE = Table(
    [
        {"setting": "nin/0.1+0.5", "empty": "", "top-1, %": "50.77"},
        {"setting": "a_b & c|d", "empty": "", "top-1, %": ""},
    ],
    title="Lei 2017, Table II",
    notes=("Scale smoke.", "`python x --y`"),
)


def test_markdown_has_title_table_and_notes():
    assert TABLE.markdown().split("\n\n") == [
        "**Lei 2017, Table II**",
        "| setting | top-1, % |\n| --- | --- |\n| nin/0.1+0.5 | 50.77 |\n| a_b & c\\|d |  |",
        "Scale smoke.",
        "`python x --y`",
    ]


def test_csv_is_read_back_as_the_rows():
    lines = TABLE.csv().splitlines()
    assert lines[-2:] == ["# Scale smoke.", "# `python x --y`"]
    rows = list(csv.DictReader(lines[:-2]))
    assert rows == [{"setting": r["setting"], "top-1, %": r["top-1, %"]} for r in TABLE.rows]


def test_latex_escapes_what_it_would_read_as_its_own():
    lines = TABLE.latex().splitlines()
    assert lines[-3:-1] == [
        r"\par {\footnotesize Scale smoke.}",
        r"\par {\footnotesize \texttt{python x -{}-y}}",
    ]
    assert lines[lines.index(r"\hline") + 1] == r"setting & top-1, \% \\"
    assert r"a\_b \& c|d &  \\" in lines
    assert r"\begin{tabular}{ll}" in lines
    # As many cells in every row, and nothing open at the end.
    assert {len(re.findall(r"(?<!\\)&", line)) for line in lines if line.endswith(r"\\")} == {1}
    assert [line for line in lines if line.startswith((r"\begin", r"\end"))] == [
        r"\begin{table}",
        r"\begin{tabular}{ll}",
        r"\end{tabular}",
        r"\end{table}",
    ]
