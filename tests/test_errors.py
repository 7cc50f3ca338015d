"""What messages share: lists that end, names that can be printed, and the system's reasons."""

import pathlib
import re

import pytest

from coarse2fine.errors import (
    InputError,
    check_known,
    check_path,
    check_some,
    listed,
    reason_of,
    shown,
)


def test_an_unknown_value_is_refused_with_the_known_ones():
    check_known("colour", "red", iter(["red", "blue"]))
    with pytest.raises(InputError, match=r"^Unknown colour 'rad'\. Known: red, blue\.$"):
        check_known("colour", "rad", iter(["red", "blue"]))


def test_nothing_is_not_drawn():
    check_some("points", [0])
    with pytest.raises(InputError, match=r"^There are no points to draw\.$"):
        check_some("points", ())


@pytest.mark.parametrize("path", ["a\0b", "\ud800", pathlib.Path("c/\0")])
def test_a_path_that_no_file_can_have_is_refused(path):
    check_path("Table", "\u732b \udcff")  # What was no UTF-8 stands in a path as a surrogate.
    message = f"Table {str(path)!r}: no file can have this name."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        check_path("Table", path)


@pytest.mark.parametrize("name", ["a" * 256, "a/" * 2048 + "b"])
def test_a_path_that_is_too_long_is_refused(name):
    check_path("Table", "a" * 255)
    message = f"Table {name}: File name too long. Use a shorter one."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        check_path("Table", name)


def test_a_list_ends_with_the_number_of_those_it_leaves_out():
    assert listed([]) == "(none)"
    assert listed("abc") == "a, b, c"
    assert listed("abcd", most=3) == "a, b, c, and 1 more"
    assert listed(map(str, range(123_456)), "; ") == (
        "0; 1; 2; 3; 4; 5; 6; 7; 8; 9; and 123,446 more"
    )


def test_a_path_is_shown_in_quotes_only_where_it_must():
    assert shown(pathlib.Path("/data/with space/\u732b.png")) == "/data/with space/\u732b.png"
    assert shown("two\nlines.png") == r"'two\nlines.png'"
    assert shown("\udcff.png") == r"'\udcff.png'"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.csv"), "No such file or directory"),
        (OSError("Mat 4 mopt wrong format"), "Mat 4 mopt wrong format"),
        (ValueError("it has\n  two lines"), "it has two lines"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_a_reason_is_what_the_error_says_without_the_files_name(error, reason):
    assert reason_of(error) == reason
