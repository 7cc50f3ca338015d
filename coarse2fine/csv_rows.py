"""Rows of CSV files that people write."""

import contextlib
import csv
import pathlib
from collections.abc import Iterator

from coarse2fine.errors import InputError, reason_of

Rows = Iterator[tuple[int, list[str]]]


@contextlib.contextmanager
def csv_rows(path: pathlib.Path, name: str) -> Iterator[Rows]:
    """The rows of a CSV file one by one, each with the line that it starts in.

    An empty line is a row without values.

    Args:
        path: of the file.
        name: of the file in messages.

    Raises:
        InputError: a file that cannot be read, that is not UTF-8, or whose quotes do not match.
    """
    line = 1

    def rows() -> Rows:
        nonlocal line
        reader = csv.reader(file, strict=True)
        for row in reader:
            yield line, row
            line = reader.line_num + 1

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield rows()
    except OSError as error:
        raise InputError(f"{name} cannot be read: {reason_of(error)}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 text. Save it as UTF-8.") from error
    except csv.Error as error:
        raise InputError(
            f"{name}, line {line}: {error}. Values that hold a comma, a quote or a line break "
            "stand in double quotes; a quote in them is doubled."
        ) from error
