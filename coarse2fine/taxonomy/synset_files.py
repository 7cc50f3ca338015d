"""Text files of synsets: is-a edges, lists, and names."""

import codecs
import os
import pathlib
from collections.abc import Iterator

from coarse2fine.errors import InputError, check_path, reason_of
from coarse2fine.taxonomy.is_a import IsA

_HEADERS = {
    ("child", "parent"): "a child and a parent",
    ("child", "parent", "kind"): "a child, a parent and a kind",
}
_KINDS = ("hypernym", "instance")
_SYNSET = "wnid"
_SUFFIXES = (".txt", ".tsv", ".csv")


def read_is_a(path: str | pathlib.Path) -> IsA:
    r"""Reads tab separated is-a edges: the header `child\tparent\tkind`, then one edge a line.

    The kind is `hypernym` or `instance` (of WordNet's two is-a relations); the column may be left
    out. The edges of one child keep their order.

    Raises:
        InputError: a file that cannot be read or holds no edges, a line that is no edge or repeats
            one, edges that go round in a cycle. The message names the file and, where there is
            one, the line.
    """
    path = pathlib.Path(path)
    rows = _read_rows(path, "Is-a list")
    line, header = next(rows, (1, []))
    columns = tuple(header)
    if columns not in _HEADERS:
        expected = " or ".join(repr("\t".join(known)) for known in _HEADERS)
        raise InputError(
            f"Is-a list {path}, line {line}: the header is {_quoted(header)}, expected {expected}."
        )
    parents: dict[str, list[str]] = {}
    first_line: dict[tuple[str, str], int] = {}
    for line, fields in rows:
        where = f"Is-a list {path}, line {line}"
        if len(fields) != len(columns) or not all(fields):
            raise InputError(f"{where}: {_quoted(fields)}, expected {_HEADERS[columns]}.")
        child, parent, *kinds = fields
        if kinds and kinds[0] not in _KINDS:
            raise InputError(f"{where}: kind {kinds[0]!r}, expected {' or '.join(_KINDS)}.")
        known_line = first_line.setdefault((child, parent), line)
        if known_line != line:
            raise InputError(
                f"{where}: {child} under {parent} already stands in line {known_line}."
            )
        parents.setdefault(child, []).append(parent)
    if not parents:
        raise InputError(f"Is-a list {path} holds no edges.")
    try:
        return IsA({child: tuple(above) for child, above in parents.items()})
    except InputError as error:
        raise InputError(f"Is-a list {path}: {error}") from error


def read_synsets(path: str | pathlib.Path) -> tuple[str, ...]:
    """Reads a list of synsets, one a line.

    What follows a tab is left out, and so is a first line that starts with the word `wnid`.

    Raises:
        InputError: a file that cannot be read or names no synset, or a synset that stands twice.
    """
    path = pathlib.Path(path)
    synsets = tuple(fields[0] for _, fields in _read_synset_rows(path, "List of synsets"))
    if not synsets:
        raise InputError(f"List of synsets {path} is empty.")
    return synsets


def parse_synsets(text: str) -> tuple[str, ...]:
    """The synsets that a text names with commas between, or those of the file that it names.

    Args:
        text: taken for a file's name where there is such a file, or where it ends in `.txt`,
            `.tsv` or `.csv`.

    Raises:
        InputError: as `read_synsets`.

    Example:
        >>> parse_synsets("n02084071, n02121808")
        ('n02084071', 'n02121808')
    """
    if os.path.isfile(text) or text.endswith(_SUFFIXES):
        return read_synsets(text)
    return tuple(name.strip() for name in text.split(",") if name.strip())


def read_synset_names(path: str | pathlib.Path) -> dict[str, str]:
    """Reads the names of synsets: in each line a synset, a tab and its name.

    A first line that starts with the word `wnid` is left out.

    Raises:
        InputError: a file that cannot be read, a line of another kind, or a synset that stands
            twice.
    """
    path = pathlib.Path(path)
    names = {}
    for line, fields in _read_synset_rows(path, "Names of synsets"):
        if len(fields) != 2 or not fields[1]:
            raise InputError(
                f"Names of synsets {path}, line {line}: {_quoted(fields)}, expected a synset, a "
                "tab and a name."
            )
        names[fields[0]] = fields[1]
    return names


def _read_synset_rows(path: pathlib.Path, what: str) -> Iterator[tuple[int, list[str]]]:
    first_line: dict[str, int] = {}
    for line, fields in _read_rows(path, what):
        if not first_line and fields[0] == _SYNSET:
            continue
        where = f"{what} {path}, line {line}"
        if not fields[0]:
            raise InputError(f"{where}: {_quoted(fields)} starts without a synset.")
        known_line = first_line.setdefault(fields[0], line)
        if known_line != line:
            raise InputError(f"{where}: {fields[0]} already stands in line {known_line}.")
        yield line, fields


def _read_rows(path: pathlib.Path, what: str) -> Iterator[tuple[int, list[str]]]:
    """The number and the fields of each line that is not empty."""
    check_path(what, path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{what} {path} cannot be read: {reason_of(error)}.") from error
    for number, line in enumerate(content.removeprefix(codecs.BOM_UTF8).splitlines(), start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{what} {path}, line {number} is not UTF-8 text.") from error
        if text.strip():
            yield number, [field.strip() for field in text.split("\t")]


def _quoted(fields: list[str]) -> str:
    return repr("\t".join(fields))
