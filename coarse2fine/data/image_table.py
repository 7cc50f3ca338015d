"""Image files in a CSV table: a path, a coarse label and, for some rows, a fine one."""

import dataclasses
import os
import pathlib
import stat
import sys
from collections.abc import Iterator

import numpy as np

from coarse2fine.csv_rows import Rows, csv_rows
from coarse2fine.data.file_source import SUFFIXES, FileTable, check_none
from coarse2fine.errors import InputError, check_path, reason_of, shown
from coarse2fine.taxonomy import Taxonomy

_NEEDED = ("path", "coarse", "fine")
_COLUMNS = (*_NEEDED, "split")
_SPLITS = ("train", "test")

_Problems = Iterator[tuple[int, str]]  # A row's position, and what is wrong with it.


def read_image_table(
    path: str | pathlib.Path, taxonomy: Taxonomy | None = None, check_sizes: bool = True
) -> FileTable:
    """Reads `path,coarse,fine[,split]`, in any order of columns.

    Paths are relative to the table's folder, or absolute, and lie in it: those that lead out of it,
    by `..` or by a link, are errors. A row without a fine class is a
    coarse-only image; its coarse class must be there. A row with one may leave the coarse class out
    where a taxonomy is given. Without a taxonomy the rows are one, its classes in alphabetical
    order. `split` is `train` or `test`, in all rows or in none. Spaces around the names of classes
    and splits are no part of them.

    Args:
        path: of the table.
        taxonomy: whose source names and coarse names are those of the table.
        check_sizes: whether an empty image file is an error.

    Raises:
        InputError: a table that cannot be read, or rows that cannot be used: the message gives
            their number, and the lines and reasons of the first ten.
    """
    table = _read(pathlib.Path(path))
    table.check(_split_problems(table))
    table.check(_path_problems(table, check_sizes))
    advice = "Mend these lines, or the taxonomy."
    if taxonomy is None:
        taxonomy, advice = _taxonomy_of_rows(table), "Mend these lines."
    fine, coarse = _labels(table, taxonomy, advice)
    paths, splits = np.array(table.path, object), np.array(table.split, np.str_)
    return FileTable(paths, fine, coarse, splits, taxonomy, {})


@dataclasses.dataclass(frozen=True)
class _Table:
    """A table's columns, and the lines that its rows start in."""

    file: pathlib.Path
    line: list[int] = dataclasses.field(default_factory=list)
    path: list[str] = dataclasses.field(default_factory=list)
    coarse: list[str] = dataclasses.field(default_factory=list)
    fine: list[str] = dataclasses.field(default_factory=list)
    split: list[str] = dataclasses.field(default_factory=list)

    def add(self, line: int, values: dict[str, str]) -> None:
        """Adds a row."""
        self.line.append(line)
        self.path.append(values["path"])
        for name in _COLUMNS[1:]:
            # One text for all rows of a class keeps a long table small.
            getattr(self, name).append(sys.intern(values.get(name, "").strip()))

    def check(self, problems: _Problems, advice: str = "Mend these lines.") -> None:
        """Raises `InputError` for rows, each with what is wrong with it."""
        listed = [f"line {self.line[row]}: {problem}" for row, problem in problems]
        check_none("rows that cannot be used", self.file, listed, advice)


def _read(path: pathlib.Path) -> _Table:
    check_path("Table", path)
    with csv_rows(path, shown(path)) as rows:
        return _table_of_rows(path, rows)


def _table_of_rows(path: pathlib.Path, rows: Rows) -> _Table:
    table = _Table(path)
    short: list[tuple[int, int]] = []
    _, first = next(rows, (1, []))
    header = [name.strip() for name in first]
    _check_header(path, header)
    for line, row in rows:
        if len(row) == len(header):
            table.add(line, dict(zip(header, row, strict=True)))
        elif row:
            short.append((line, len(row)))
    check_none(
        "rows that cannot be used",
        path,
        [f"line {line}: {count} values" for line, count in short],
        f"Expected {len(header)}: {','.join(header)}. Values that hold a comma stand in double "
        "quotes.",
    )
    if not table.line:
        raise InputError(f"{shown(path)} has no rows below {','.join(header)}.")
    return table


def _check_header(path: pathlib.Path, header: list[str]) -> None:
    is_known = set(_NEEDED) <= set(header) <= set(_COLUMNS)
    if not is_known or len(set(header)) < len(header):
        raise InputError(
            f"{shown(path)}, line 1: the columns are {','.join(header)!r}, expected path, coarse "
            "and fine, and perhaps split, separated by commas."
        )


def _split_problems(table: _Table) -> _Problems:
    has_split = any(table.split)
    for row, split in enumerate(table.split):
        if has_split and split not in _SPLITS:
            yield row, f"split is {split!r}, expected train or test"


def _path_problems(table: _Table, check_sizes: bool) -> _Problems:
    folder = os.path.abspath(table.file.parent)
    is_inside = _Inside(folder)
    first: dict[str, int] = {}
    for row, path in enumerate(table.path):
        place = os.path.normpath(path).removeprefix(folder + os.sep)
        # Of two equal texts the table's own, so that a long table is in memory once.
        earlier = first.setdefault(path if place == path else place, row)
        if earlier < row:
            names, old_names = (table.fine[i] or table.coarse[i] for i in (row, earlier))
            how = f"{names!r} here and {old_names!r}" if names != old_names else "here and"
            yield row, f"{path!r} is {how} in line {table.line[earlier]}"
        elif not is_inside(place):
            yield row, f"{path!r} leads out of the table's folder"
        elif problem := _file_problem(os.path.join(folder, path), check_sizes):
            yield row, f"{path!r} {problem}"


class _Inside:
    """Whether files lie in a folder, links followed; each folder of theirs is followed once."""

    def __init__(self, root: str):
        self._root = root
        self._real_root = os.path.realpath(root)
        self._seen: dict[str, bool] = {}

    def __call__(self, place: str) -> bool:
        if "\0" in place:
            return True  # No file: that is said of it.
        path = os.path.join(self._root, place)
        if os.path.islink(path):
            return self._lies_inside(path)
        folder = os.path.dirname(path)
        if folder not in self._seen:
            self._seen[folder] = self._lies_inside(folder)
        return self._seen[folder]

    def _lies_inside(self, path: str) -> bool:
        real = os.path.realpath(path)
        return os.path.commonpath([real, self._real_root]) == self._real_root


def _file_problem(path: str, check_sizes: bool) -> str:
    if not path.lower().endswith(SUFFIXES):
        return f"is no image by its name ({', '.join(SUFFIXES)})"
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        return f"cannot be read: {reason_of(error)}"
    if not stat.S_ISREG(found.st_mode):
        return "is no regular file"
    return "is empty" if check_sizes and found.st_size == 0 else ""


def _taxonomy_of_rows(table: _Table) -> Taxonomy:
    first: dict[str, int] = {}
    for row, fine in enumerate(table.fine):
        if fine:
            first.setdefault(fine, row)
    if not first:
        raise InputError(
            f"{shown(table.file)} has no fine class: give a taxonomy, or label some rows finely."
        )
    table.check(_parent_problems(table, first))
    pairs = [(fine, table.coarse[row]) for fine, row in first.items()]
    return Taxonomy.from_pairs(sorted(pairs, key=lambda pair: pair[::-1]))


def _parent_problems(table: _Table, first: dict[str, int]) -> _Problems:
    with_fine = {table.coarse[row] for row in first.values()}
    for row, (fine, coarse) in enumerate(zip(table.fine, table.coarse, strict=True)):
        if fine and not coarse:
            yield row, f"fine class {fine!r} has no coarse class"
        elif fine and table.coarse[first[fine]] != coarse:
            yield (
                row,
                f"fine class {fine!r} is under {coarse!r}, but under "
                f"{table.coarse[first[fine]]!r} in line {table.line[first[fine]]}",
            )
        elif coarse and coarse not in with_fine:
            yield row, f"coarse class {coarse!r} has no fine class in any line"


def _labels(table: _Table, taxonomy: Taxonomy, advice: str) -> tuple[np.ndarray, np.ndarray]:
    fine_of = {"": -1, **{name: f for f, name in enumerate(taxonomy.source_names)}}
    coarse_of = {name: k for k, name in enumerate(taxonomy.coarse_names)}
    table.check(_label_problems(table, taxonomy, fine_of, coarse_of), advice)
    fine = np.array([fine_of[name] for name in table.fine], np.int64)
    parent = np.array(taxonomy.parent, np.int64)[fine]
    return fine, np.where(fine < 0, [coarse_of.get(name, -1) for name in table.coarse], parent)


def _label_problems(
    table: _Table, taxonomy: Taxonomy, fine_of: dict[str, int], coarse_of: dict[str, int]
) -> _Problems:
    for row, (fine, coarse) in enumerate(zip(table.fine, table.coarse, strict=True)):
        if fine not in fine_of:
            yield row, f"unknown fine class {fine!r}"
        elif coarse and coarse not in coarse_of:
            yield row, f"unknown coarse class {coarse!r}"
        elif not fine and not coarse:
            yield row, "neither a fine nor a coarse class"
        elif fine and coarse and taxonomy.parent[fine_of[fine]] != coarse_of[coarse]:
            named = taxonomy.coarse_names[taxonomy.parent[fine_of[fine]]]
            yield row, f"fine class {fine!r} is under {named!r}, not {coarse!r}"
