"""Files of synsets: what is read, and what is refused with file and line."""

import re

import pytest

from coarse2fine.errors import InputError
from coarse2fine.taxonomy import (
    IsA,
    parse_synsets,
    read_is_a,
    read_synset_names,
    read_synsets,
)

EDGES = "child\tparent\tkind\nn2\tn1\thypernym\nn3\tn2\tinstance\nn3\tn1\thypernym\n"
IS_A = IsA({"n2": ("n1",), "n3": ("n2", "n1")})
HEADERS = r"'child\tparent' or 'child\tparent\tkind'"


@pytest.fixture
def write(tmp_path):
    def call(content):
        path = tmp_path / "file.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return call


def check_refused(read, path, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        read(path)


@pytest.mark.parametrize(
    "content",
    [
        EDGES,
        EDGES.encode("utf-8-sig"),
        EDGES.replace("\n", "\r\n"),
        EDGES.replace("\n", "\n\n").rstrip("\n"),
        EDGES.replace("\t", " \t "),
        EDGES.replace("\tkind", "").replace("\thypernym", "").replace("\tinstance", ""),
    ],
    ids=["plain", "BOM", "CRLF", "empty lines", "spaces", "no kinds"],
)
def test_is_a_edges_are_read_however_they_were_saved(write, content):
    assert read_is_a(write(content)) == IS_A
    assert read_is_a(str(write(content))) == IS_A


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", f", line 1: the header is '', expected {HEADERS}."),
        ("n2\tn1\n", rf", line 1: the header is 'n2\tn1', expected {HEADERS}."),
        ("\nchild parent\n", f", line 2: the header is 'child parent', expected {HEADERS}."),
        ("child\tparent\n\n", " holds no edges."),
        (EDGES + "n4\tn1\n", r", line 5: 'n4\tn1', expected a child, a parent and a kind."),
        ("child\tparent\nn4\n", ", line 2: 'n4', expected a child and a parent."),
        ("child\tparent\nn4\t\n", r", line 2: 'n4\t', expected a child and a parent."),
        (EDGES + "n4\tn1\tpart\n", ", line 5: kind 'part', expected hypernym or instance."),
        (EDGES + "\nn2\tn1\tinstance\n", ", line 6: n2 under n1 already stands in line 2."),
        (EDGES.encode() + b"\xe9\tn1\thypernym\n", ", line 5 is not UTF-8 text."),
        (EDGES.encode("utf-16"), ", line 1 is not UTF-8 text."),
        (
            EDGES + "n1\tn3\thypernym\n",
            ": The is-a edges go round in a cycle of 3, from child to parent: n2, n1, n3, and back "
            "to n2. Take an edge of it out.",
        ),
    ],
)
def test_what_are_no_is_a_edges_is_refused_with_file_and_line(write, content, message):
    path = write(content)
    check_refused(read_is_a, path, f"Is-a list {path}{message}")


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (read_is_a, "Is-a list"),
        (read_synsets, "List of synsets"),
        (read_synset_names, "Names of synsets"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(read, what, tmp_path):
    path = tmp_path / "missing.tsv"
    check_refused(read, path, f"{what} {path} cannot be read: No such file or directory.")
    check_refused(read, tmp_path, f"{what} {tmp_path} cannot be read: Is a directory.")
    check_refused(read, "a\0b", rf"{what} 'a\x00b': no file can have this name.")


@pytest.mark.parametrize("content", ["n1\nn2\n", "wnid\twords\nn1\tone, two\n\nn2\ttwo\n"])
def test_a_list_of_synsets_is_the_first_column(write, content):
    path = write(content)
    assert read_synsets(path) == ("n1", "n2")
    assert parse_synsets(str(path)) == ("n1", "n2")


def test_synsets_may_stand_in_the_text_itself(tmp_path):
    assert parse_synsets(" n1,n2 ,") == ("n1", "n2")
    assert parse_synsets("dog.n.01, cat.n.01") == ("dog.n.01", "cat.n.01")
    names = [f"n{k:08}" for k in range(1000)]  # Longer than any file's name.
    assert parse_synsets(",".join(names)) == tuple(names)
    path = tmp_path / "missing.txt"
    check_refused(
        parse_synsets,
        str(path),
        f"List of synsets {path} cannot be read: No such file or directory.",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("\n", " is empty."),
        ("n1\nn2\n\nn1\n", ", line 4: n1 already stands in line 1."),
        ("n1\n\tone\n", r", line 2: '\tone' starts without a synset."),
    ],
)
def test_what_is_no_list_of_synsets_is_refused(write, content, message):
    path = write(content)
    check_refused(read_synsets, path, f"List of synsets {path}{message}")


def test_names_are_read_by_synset(write):
    path = write("wnid\twords\nn1\tone, two\nn2\tdeux\n")
    assert read_synset_names(path) == {"n1": "one, two", "n2": "deux"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("n2", "'n2', expected a synset, a tab and a name."),
        ("n2\t", r"'n2\t', expected a synset, a tab and a name."),
        ("n2\ttwo\t2", r"'n2\ttwo\t2', expected a synset, a tab and a name."),
        ("n1\tone", "n1 already stands in line 1."),
    ],
)
def test_what_are_no_names_is_refused(write, line, message):
    path = write(f"n1\tone\n{line}\n")
    check_refused(read_synset_names, path, f"Names of synsets {path}, line 2: {message}")
