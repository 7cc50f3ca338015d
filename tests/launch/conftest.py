"""Runs launchers in the process of the tests."""

import pathlib
import runpy
import sys

import pytest

LAUNCH = pathlib.Path(__file__).parents[2] / "launch"


@pytest.fixture
def launch(launcher_flags, monkeypatch, capsys):
    """Runs a launcher in this process; returns exit code, output and errors."""

    def call(name, *arguments, **values):
        given = [f"--{key}={value}" for key, value in values.items()]
        monkeypatch.setattr(sys, "argv", [str(LAUNCH / f"{name}.py"), *given, *map(str, arguments)])
        try:
            with pytest.raises(SystemExit) as end:
                runpy.run_path(sys.argv[0], run_name="__main__")
        finally:
            launcher_flags()
        return end.value.code, *capsys.readouterr()

    return call
