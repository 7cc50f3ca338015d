"""Taxonomies in files: JSON for programs, CSV for people."""

import csv
import dataclasses
import json
import pathlib

from coarse2fine.errors import InputError
from coarse2fine.files import write_json
from coarse2fine.taxonomy.taxonomy import Taxonomy

_FIELDS = tuple(field.name for field in dataclasses.fields(Taxonomy))


def read_taxonomy(path: str | pathlib.Path) -> Taxonomy:
    """Reads `.json` (`fine_names`, `coarse_names`, `parent`) or `.csv` (`fine,coarse` rows).

    A CSV's classes are numbered in order of first appearance.

    Raises:
        InputError: a file that is missing, of another kind, or that holds no taxonomy; the message
            names the file and, in a CSV, the line.
    """
    path = pathlib.Path(path)
    readers = {".json": _read_json, ".csv": _read_csv}
    if path.suffix not in readers:
        raise InputError(f"Taxonomy {path} ends in {path.suffix!r}, expected .json or .csv.")
    try:
        return readers[path.suffix](path)
    except OSError as error:
        raise InputError(f"Taxonomy {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"Taxonomy {path} is not UTF-8 text.") from error
    except csv.Error as error:
        raise InputError(f"Taxonomy {path} is no CSV file: {error}.") from error


def write_taxonomy(taxonomy: Taxonomy, path: str | pathlib.Path) -> None:
    """Writes the JSON form that `read_taxonomy` reads."""
    write_json(pathlib.Path(path), dataclasses.asdict(taxonomy))


def _read_json(path: pathlib.Path) -> Taxonomy:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise InputError(f"Taxonomy {path}, line {error.lineno}: {error.msg}.") from error
    is_complete = isinstance(content, dict) and sorted(content) == sorted(_FIELDS)
    if not is_complete or not all(isinstance(content[field], list) for field in _FIELDS):
        raise InputError(
            f"Taxonomy {path} is not an object with the three lists {', '.join(_FIELDS)}."
        )
    return _located(path, lambda: Taxonomy(**content))


def _read_csv(path: pathlib.Path) -> Taxonomy:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if [name.strip() for name in header] != ["fine", "coarse"]:
            raise InputError(
                f"Taxonomy {path}, line 1: the header is {','.join(header)!r}, "
                "expected 'fine,coarse'."
            )
        pairs: list[tuple[str, str]] = []
        first_line: dict[str, int] = {}
        for row in rows:
            if not row:
                continue
            names = [name.strip() for name in row]
            where = f"Taxonomy {path}, line {rows.line_num}"
            if len(names) != 2 or not all(names):
                raise InputError(f"{where}: {','.join(row)!r}, expected a fine and a coarse name.")
            if names[0] in first_line:
                raise InputError(
                    f"{where}: fine class {names[0]!r} already stands in line "
                    f"{first_line[names[0]]}."
                )
            first_line[names[0]] = rows.line_num
            pairs.append((names[0], names[1]))
    return _located(path, lambda: Taxonomy.from_pairs(pairs))


def _located(path, build):
    try:
        return build()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
