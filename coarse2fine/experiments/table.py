"""Tables as people read them and as other programs do."""

import csv
import dataclasses
import io
import re
from collections.abc import Mapping, Sequence

# What LaTeX would read as its own, and `&` and the like between cells.
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of texts.

    Attributes:
        rows: the cells of each by column; all have the columns of the first one.
        title: of the table.
        notes: what stands below it, a line each.
    """

    rows: Sequence[Mapping[str, str]]
    title: str = ""
    notes: Sequence[str] = ()

    @property
    def columns(self) -> list[str]:
        """The names of the columns, but for those that are empty in every row."""
        return [name for name in self.rows[0] if any(row[name] for row in self.rows)]

    def _lines(self) -> list[list[str]]:
        return [[row[name] for name in self.columns] for row in self.rows]

    def markdown(self) -> str:
        """With title and notes as paragraphs."""
        lines = [self.columns, ["---"] * len(self.columns), *self._lines()]
        cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
        table = "\n".join(f"| {' | '.join(line)} |" for line in cells)
        title = [f"**{self.title}**"] if self.title else []
        return "\n\n".join([*title, table, *self.notes])

    def csv(self) -> str:
        """Columns and rows, and then the notes as comments, each behind a `#`."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.columns, *self._lines()])
        return text.getvalue() + "".join(f"# {note}\n" for note in self.notes)

    def latex(self) -> str:
        """A `table` with the title as its caption and the notes below; needs no package."""
        lines = [
            " & ".join(map(_in_latex, line)) + r" \\" for line in (self.columns, *self._lines())
        ]
        return "\n".join(
            [
                r"\begin{table}",
                rf"\caption{{{_in_latex(self.title)}}}",
                rf"\begin{{tabular}}{{{'l' * len(self.columns)}}}",
                r"\hline",
                lines[0],
                r"\hline",
                *lines[1:],
                r"\hline",
                r"\end{tabular}",
                *(rf"\par {{\footnotesize {_in_latex(note)}}}" for note in self.notes),
                r"\end{table}",
                "",
            ]
        )


def _in_latex(text: str) -> str:
    """A text with what stands between backticks as code."""
    escaped = "".join(_LATEX.get(letter, letter) for letter in text).replace("--", "-{}-")
    return re.sub("`([^`]*)`", r"\\texttt{\1}", escaped)
