"""Taxonomies in files: JSON for programs, CSV for people."""

import csv
import dataclasses
import io
import json
import os
import pathlib

from coarse2fine.csv_rows import Rows, csv_rows
from coarse2fine.errors import InputError, check_path, reason_of
from coarse2fine.files import write_json, write_text
from coarse2fine.taxonomy.taxonomy import Taxonomy

_LISTS = ("fine_names", "coarse_names", "parent")
_COLUMNS = {
    ("fine", "coarse"): "a fine and a coarse name",
    ("fine", "coarse", "source_name"): "a fine, a coarse and a source name",
}
_DISTINCT = {"fine": "fine class", "source_name": "source name"}


def read_taxonomy(path: str | pathlib.Path) -> Taxonomy:
    """Reads `.json` (`fine_names`, `coarse_names`, `parent`) or `.csv` (`fine,coarse` rows).

    A CSV's classes are numbered in order of first appearance. Where a data set calls the fine
    classes otherwise, its names are JSON's fourth list `source_names` or CSV's third column
    `source_name`; classes of the data set that the file does not name are left out of it.

    Raises:
        InputError: a file that is missing, of another kind, or that holds no taxonomy; the message
            names the file and, in a CSV, the line.
    """
    path = pathlib.Path(path)
    _check_name(path)
    try:
        return _read_json(path) if path.suffix == ".json" else _read_csv(path)
    except OSError as error:
        raise InputError(f"Taxonomy {path} cannot be read: {reason_of(error)}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"Taxonomy {path} is not UTF-8 text. Save it as UTF-8.") from error
    except RecursionError as error:
        raise InputError(
            f"Taxonomy {path} is nested too deep, expected lists of names and numbers."
        ) from error


def write_taxonomy(taxonomy: Taxonomy, path: str | pathlib.Path) -> None:
    """Writes the JSON form that `read_taxonomy` reads, or, to a path that ends in `.csv`, CSV.

    `source_names` are written where they differ from `fine_names`.

    Raises:
        InputError: a file that cannot be written, or a taxonomy that a CSV cannot hold: one whose
            coarse classes are not numbered by their first fine class, or with a name that has
            spaces around it or a carriage return.
    """
    path = pathlib.Path(path)
    check_path("Taxonomy", path)
    content = dataclasses.asdict(taxonomy)
    if taxonomy.source_names == taxonomy.fine_names:
        del content["source_names"]
    if path.suffix == ".csv":
        write_text(path, _csv_text(taxonomy, path))
    else:
        write_json(path, content)


def check_new_taxonomy_file(path: str | pathlib.Path) -> None:
    """Raises `InputError` unless a taxonomy that is written here can be read and replaces nothing.

    Args:
        path: of the file to be written.
    """
    path = pathlib.Path(path)
    _check_name(path)
    if os.path.lexists(path):
        raise InputError(f"{path} exists; choose another output, or remove it first.")


def _check_name(path: pathlib.Path) -> None:
    check_path("Taxonomy", path)
    if path.suffix not in (".json", ".csv"):
        raise InputError(f"Taxonomy {path} ends in {path.suffix!r}, expected .json or .csv.")


def _csv_text(taxonomy: Taxonomy, path: pathlib.Path) -> str:
    columns = [taxonomy.fine_names, [taxonomy.coarse_names[k] for k in taxonomy.parent]]
    if taxonomy.source_names != taxonomy.fine_names:
        columns.append(taxonomy.source_names)
    problems = []
    if tuple(dict.fromkeys(columns[1])) != taxonomy.coarse_names:
        problems.append("its coarse classes are not numbered by the first fine class of each")
    changed = [n for column in columns for n in column if n != n.strip() or "\r" in n]
    if changed:
        problems.append(f"{changed[0]!r} has spaces around it or a carriage return")
    if problems:
        raise InputError(
            f"Taxonomy {path}: a CSV file cannot hold this taxonomy: {' and '.join(problems)}. "
            "Write .json."
        )
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("fine", "coarse", "source_name")[: len(columns)])
    rows.writerows(zip(*columns, strict=True))
    return text.getvalue()


def _read_json(path: pathlib.Path) -> Taxonomy:
    text = path.read_text(encoding="utf-8-sig")
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"Taxonomy {path}, line {error.lineno}: {error.msg}.") from error
    except ValueError as error:  # Python converts some thousand digits at most.
        raise InputError(
            f"Taxonomy {path} holds a number of too many digits, expected indices of coarse "
            "classes."
        ) from error
    is_complete = isinstance(content, dict) and (content.keys() - {"source_names"} == set(_LISTS))
    if not is_complete or not all(isinstance(value, list) for value in content.values()):
        raise InputError(
            f"Taxonomy {path} is not an object with the three lists {', '.join(_LISTS)}, and "
            "source_names as a fourth where a data set calls the fine classes otherwise."
        )
    return _located(path, lambda: Taxonomy(**content))


def _read_csv(path: pathlib.Path) -> Taxonomy:
    with csv_rows(path, f"Taxonomy {path}") as rows:
        return _taxonomy_of_rows(path, rows)


def _taxonomy_of_rows(path: pathlib.Path, rows: Rows) -> Taxonomy:
    _, header = next(rows, (1, []))
    columns = tuple(name.strip() for name in header)
    if columns not in _COLUMNS:
        raise InputError(
            f"Taxonomy {path}, line 1: the header is {','.join(header)!r}, expected "
            f"{' or '.join(repr(','.join(known)) for known in _COLUMNS)}."
        )
    classes: list[dict[str, str]] = []
    first_line: dict[tuple[str, str], int] = {}
    for line, row in rows:
        if not row:
            continue
        names = [name.strip() for name in row]
        where = f"Taxonomy {path}, line {line}"
        if len(names) != len(columns) or not all(names):
            raise InputError(f"{where}: {','.join(row)!r}, expected {_COLUMNS[columns]}.")
        classes.append(dict(zip(columns, names, strict=True)))
        for column, what in _DISTINCT.items():
            name = classes[-1].get(column)
            if name is None:
                continue
            if (column, name) in first_line:
                raise InputError(
                    f"{where}: {what} {name!r} already stands in line {first_line[column, name]}."
                )
            first_line[column, name] = line
    pairs = [(names["fine"], names["coarse"]) for names in classes]
    source_names = [names["source_name"] for names in classes if "source_name" in names]
    return _located(path, lambda: Taxonomy.from_pairs(pairs, source_names))


def _located(path, build):
    try:
        return build()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
