"""Taxonomies in files: what is read, and what is refused with file and line."""

import dataclasses
import functools
import json
import re

import pytest

from coarse2fine.errors import InputError
from coarse2fine.taxonomy import (
    Taxonomy,
    check_new_taxonomy_file,
    cifar100,
    read_taxonomy,
    write_taxonomy,
)

PETS = Taxonomy(("siamese", "beagle", "persian"), ("cat", "dog"), (0, 1, 0))
ROWS = "fine,coarse\nsiamese,cat\nbeagle,dog\npersian,cat\n"
CONTENT = {
    "fine_names": ["siamese", "beagle", "persian"],
    "coarse_names": ["cat", "dog"],
    "parent": [0, 1, 0],
}
OBJECT = (
    "is not an object with the three lists fine_names, coarse_names, parent, and source_names as a "
    "fourth where a data set calls the fine classes otherwise."
)
QUOTES = (
    "Values that hold a comma, a quote or a line break stand in double quotes; a quote in them is "
    "doubled."
)
HEADERS = "'fine,coarse' or 'fine,coarse,source_name'."
NAMED = dataclasses.replace(PETS, source_names=("n1", "n2", "n3"))
NAMED_ROWS = "fine,coarse,source_name\nsiamese,cat,n1\nbeagle,dog,n2\npersian,cat,n3\n"


def check_refused(path, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        read_taxonomy(path)


@pytest.mark.parametrize(
    "taxonomy", [PETS, NAMED, cifar100(), Taxonomy(('é, "ü"', "猫\n"), ("x", "y"), (1, 0))]
)
def test_json_that_was_written_is_read_back(tmp_path, taxonomy):
    path = tmp_path / "taxonomy.json"
    write_taxonomy(taxonomy, path)
    assert read_taxonomy(path) == taxonomy
    assert read_taxonomy(str(path)).fingerprint == taxonomy.fingerprint


def test_json_holds_what_the_data_set_calls_its_classes_only_where_that_differs(tmp_path):
    path = tmp_path / "taxonomy.json"
    write_taxonomy(PETS, path)
    assert json.loads(path.read_text()) == CONTENT
    write_taxonomy(NAMED, path)
    assert json.loads(path.read_text()) == {**CONTENT, "source_names": ["n1", "n2", "n3"]}


@pytest.mark.parametrize(
    "taxonomy", [PETS, NAMED, Taxonomy(('é, "ü"', "b\nc"), ("猫", "y"), (0, 1), ("b", "a"))]
)
def test_csv_that_was_written_is_read_back(tmp_path, taxonomy):
    path = tmp_path / "taxonomy.csv"
    write_taxonomy(taxonomy, path)
    assert read_taxonomy(path) == taxonomy


def test_csv_is_written_as_people_write_it(tmp_path):
    path = tmp_path / "taxonomy.csv"
    write_taxonomy(PETS, path)
    assert path.read_bytes() == ROWS.encode()
    write_taxonomy(NAMED, path)
    assert path.read_bytes() == NAMED_ROWS.encode()


@pytest.mark.parametrize(
    ("taxonomy", "problem"),
    [
        (
            Taxonomy(("a", "b"), ("x", "y"), (1, 0)),
            "its coarse classes are not numbered by the first fine class of each",
        ),
        (
            Taxonomy(("a", "b"), ("x", "y"), (0, 1), ("a ", "b")),
            "'a ' has spaces around it or a carriage return",
        ),
        (
            Taxonomy(("a\rb", "b"), ("x", "y"), (1, 0)),
            "its coarse classes are not numbered by the first fine class of each and 'a\\rb' has "
            "spaces around it or a carriage return",
        ),
    ],
)
def test_what_a_csv_would_change_is_not_written_as_one(tmp_path, taxonomy, problem):
    path = tmp_path / "taxonomy.csv"
    message = f"Taxonomy {path}: a CSV file cannot hold this taxonomy: {problem}. Write .json."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        write_taxonomy(taxonomy, path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_where_nothing_can_be_written_that_is_said(tmp_path, suffix):
    path = tmp_path / "new" / f"taxonomy.{suffix}"
    message = f"{path} cannot be written: No such file or directory."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        write_taxonomy(PETS, path)


def test_a_new_file_is_checked_before_there_is_one(tmp_path):
    path = tmp_path / "taxonomy.csv"
    check_new_taxonomy_file(path)
    write_taxonomy(PETS, path)
    for given, message in (
        (path, f"{path} exists; choose another output, or remove it first."),
        ("pets.yaml", "Taxonomy pets.yaml ends in '.yaml', expected .json or .csv."),
    ):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            check_new_taxonomy_file(given)


def test_csv_may_say_what_the_data_set_calls_its_classes(tmp_path):
    path = tmp_path / "taxonomy.csv"
    path.write_text(NAMED_ROWS)
    assert read_taxonomy(path) == NAMED


@pytest.mark.parametrize(
    "data",
    [
        ROWS.encode(),
        ROWS.encode("utf-8-sig"),
        ROWS.replace("\n", "\r\n").encode(),
        ROWS.replace("\n", "\n\n").encode(),
        ROWS.replace(",", " , ").encode(),
        ROWS.rstrip("\n").encode(),
        ROWS.replace("beagle", '"beagle"').encode(),
    ],
    ids=["plain", "BOM", "CRLF", "empty lines", "spaces", "no last newline", "quotes"],
)
def test_csv_is_read_however_it_was_saved(tmp_path, data):
    path = tmp_path / "taxonomy.csv"
    path.write_bytes(data)
    assert read_taxonomy(path) == PETS


def test_csv_names_may_hold_commas_and_any_letters(tmp_path):
    path = tmp_path / "taxonomy.csv"
    path.write_text('fine,coarse\n"cat, wild",Tiér\n猫,Tiér\n', encoding="utf-8")
    assert read_taxonomy(path) == Taxonomy(("cat, wild", "猫"), ("Tiér",), (0, 0))


def test_json_is_read_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "taxonomy.json"
    path.write_text(json.dumps(CONTENT), encoding="utf-8-sig")
    assert read_taxonomy(path) == PETS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f", line 1: the header is '', expected {HEADERS}"),
        ("coarse,fine\n", f", line 1: the header is 'coarse,fine', expected {HEADERS}"),
        ("fine;coarse\na;x\n", f", line 1: the header is 'fine;coarse', expected {HEADERS}"),
        ("siamese,cat\n", f", line 1: the header is 'siamese,cat', expected {HEADERS}"),
        (
            "fine,coarse,label\n",
            f", line 1: the header is 'fine,coarse,label', expected {HEADERS}",
        ),
        ('"fine,coarse"\na\n', f", line 1: the header is 'fine,coarse', expected {HEADERS}"),
        (
            NAMED_ROWS + "manx,cat\n",
            ", line 5: 'manx,cat', expected a fine, a coarse and a source name.",
        ),
        (
            NAMED_ROWS + "manx,cat,\n",
            ", line 5: 'manx,cat,', expected a fine, a coarse and a source name.",
        ),
        (
            NAMED_ROWS + "\nmanx,cat,n2\n",
            ", line 6: source name 'n2' already stands in line 3.",
        ),
        (
            NAMED_ROWS + "beagle,cat,n4\n",
            ", line 5: fine class 'beagle' already stands in line 3.",
        ),
        (ROWS + "manx\n", ", line 5: 'manx', expected a fine and a coarse name."),
        (ROWS + "\nmanx,cat,3\n", ", line 6: 'manx,cat,3', expected a fine and a coarse name."),
        (ROWS + "manx,\n", ", line 5: 'manx,', expected a fine and a coarse name."),
        (ROWS + " ,cat\n", ", line 5: ' ,cat', expected a fine and a coarse name."),
        (ROWS + "manx,cat\nbeagle,dog", ", line 6: fine class 'beagle' already stands in line 3."),
        (
            "fine,coarse\n" + "a" * 200_000,
            f", line 2: field larger than field limit (131072). {QUOTES}",
        ),
        # The rows after an open quote are no part of a name.
        (ROWS.replace("beagle", '"beagle'), f", line 3: unexpected end of data. {QUOTES}"),
        (ROWS.replace("beagle", '"bea"gle'), f", line 3: ',' expected after '\"'. {QUOTES}"),
        (
            'fine,coarse\n"two\nlines",cat\nbeagle\n',
            ", line 4: 'beagle', expected a fine and a coarse name.",
        ),
    ],
)
def test_csv_errors_name_file_and_line(tmp_path, text, message):
    path = tmp_path / "taxonomy.csv"
    path.write_text(text)
    check_refused(path, f"Taxonomy {path}{message}")


def test_csv_without_classes_is_refused(tmp_path):
    path = tmp_path / "taxonomy.csv"
    path.write_text("fine,coarse\n")
    check_refused(path, f"{path}: The taxonomy cannot be used: no fine classes; no coarse classes.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ", line 1: Expecting value."),
        ('{"fine_names": [],\n "parent" 3}', ", line 2: Expecting ':' delimiter."),
        ("[1, 2]", f" {OBJECT}"),
        (json.dumps({**CONTENT, "more": []}), f" {OBJECT}"),
        (json.dumps({"fine_names": [], "parent": []}), f" {OBJECT}"),
        (json.dumps({**CONTENT, "parent": "010"}), f" {OBJECT}"),
        (json.dumps({**CONTENT, "source_names": "abc"}), f" {OBJECT}"),
    ],
)
def test_json_that_is_no_taxonomy_is_refused(tmp_path, text, message):
    path = tmp_path / "taxonomy.json"
    path.write_text(text)
    check_refused(path, f"Taxonomy {path}{message}")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"fine_names": ["a", "b", "a"]}, "fine class 'a' stands 2 times"),
        ({"coarse_names": ["cat", "cat"]}, "coarse class 'cat' stands 2 times"),
        (
            {"parent": [0, 1, 2]},
            "fine class 'persian' has parent 2, expected an index below 2",
        ),
        (
            {"parent": [0, 1, "cat"]},
            "fine class 'persian' has parent 'cat', expected an index below 2",
        ),
        (
            {"parent": [True, False, 0]},
            "fine class 'siamese' has parent True, expected an index below 2; fine class 'beagle' "
            "has parent False, expected an index below 2",
        ),
        ({"parent": [0, 0, 0]}, "coarse class 'dog' has no children"),
        ({"source_names": ["n1", "n2"]}, "3 fine classes but 2 source names"),
        (
            {"fine_names": [["a"], "b", "c"]},
            "fine class 0 is ['a'], expected a non-empty text",
        ),
        (
            {"coarse_names": ["cat", "\ud800"]},
            "coarse class 1 is '\\ud800', expected characters that UTF-8 has",
        ),
    ],
)
def test_json_with_an_unusable_taxonomy_names_the_file(tmp_path, change, problem):
    path = tmp_path / "taxonomy.json"
    path.write_text(json.dumps({**CONTENT, **change}))
    check_refused(path, f"{path}: The taxonomy cannot be used: {problem}.")


@pytest.mark.parametrize("name", ["taxonomy.json", "taxonomy.csv"])
def test_what_is_missing_a_folder_or_no_text_is_refused(tmp_path, name):
    path = tmp_path / name
    check_refused(path, f"Taxonomy {path} cannot be read: No such file or directory.")
    path.write_bytes(ROWS.encode("utf-16"))
    check_refused(path, f"Taxonomy {path} is not UTF-8 text. Save it as UTF-8.")
    path.unlink()
    path.mkdir()
    check_refused(path, f"Taxonomy {path} cannot be read: Is a directory.")


@pytest.mark.parametrize(
    "content", ["{}", '{{"fine_names": [], "coarse_names": [], "parent": {}}}']
)
def test_json_that_is_nested_without_end_is_refused(tmp_path, content):
    path = tmp_path / "taxonomy.json"
    path.write_text(content.format("[" * 100_000 + "]" * 100_000))
    check_refused(path, f"Taxonomy {path} is nested too deep, expected lists of names and numbers.")


@pytest.mark.parametrize("name", ["a\0b.json", "a\0b.csv", "\ud800.json"])
def test_a_name_that_no_file_can_have_is_refused(name):
    message = f"Taxonomy {name!r}: no file can have this name."
    check_refused(name, message)
    for use in (check_new_taxonomy_file, functools.partial(write_taxonomy, PETS)):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            use(name)


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_a_name_that_is_too_long_is_refused(tmp_path, suffix):
    path = tmp_path / ("a" * 300 + suffix)
    message = f"Taxonomy {path}: File name too long. Use a shorter one."
    check_refused(path, message)
    for use in (check_new_taxonomy_file, functools.partial(write_taxonomy, PETS)):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            use(path)


def test_a_number_of_too_many_digits_is_refused(tmp_path):
    path = tmp_path / "taxonomy.json"
    path.write_text(json.dumps(CONTENT).replace("[0, 1, 0]", f"[0, {'1' * 5000}, 0]"))
    check_refused(
        path,
        f"Taxonomy {path} holds a number of too many digits, expected indices of coarse classes.",
    )


def test_another_kind_of_file_is_refused():
    check_refused("pets.yaml", "Taxonomy pets.yaml ends in '.yaml', expected .json or .csv.")
