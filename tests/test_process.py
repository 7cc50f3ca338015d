"""Processes, and the memory that is left."""

import os
import sys

import pytest

from coarse2fine import process
from coarse2fine.process import available_memory, call_in_process


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A machine that says nothing of its memory; returns what writes one of its files."""
    monkeypatch.setattr(process, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(process, "_CONTAINER", tmp_path)
    return lambda name, text: (tmp_path / name).write_text(text)


def test_a_process_finds_the_modules_of_this_one(tmp_path, monkeypatch):
    (tmp_path / "beside_the_script.py").write_text("def double(number):\n    return 2 * number\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert call_in_process("beside_the_script", "double", number=21) == 42


def test_available_memory_is_what_the_system_says(system):
    system("meminfo", "MemTotal:  8000 kB\nMemFree:  1000 kB\nMemAvailable:  3000 kB\n")
    assert available_memory() == 3000 * 1024


@pytest.mark.parametrize(
    ("limit", "used", "expected"),
    [
        ("2048000\n", "1024000\n", 1024000),
        ("9999999999\n", "0\n", 3000 * 1024),
        ("1000\n", "2000\n", 0),
        ("max\n", "1024000\n", 3000 * 1024),
    ],
)
def test_a_containers_limit_counts(system, limit, used, expected):
    system("meminfo", "MemTotal:  8000 kB\nMemAvailable:  3000 kB\n")
    system("memory.max", limit)
    system("memory.current", used)
    assert available_memory() == expected


def test_where_the_system_does_not_say_all_memory_counts(system):
    assert available_memory() == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_here_some_memory_is_available_and_not_more_than_there_is():
    assert 0 < available_memory() < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
