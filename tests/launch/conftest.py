"""Runs launchers in the process of the tests."""

import pathlib
import runpy
import sys

import pytest
import tensorflow_datasets  # noqa: F401  (Its flags must be there before a launcher's.)
from absl import flags

LAUNCH = pathlib.Path(__file__).parents[2] / "launch"


@pytest.fixture
def launch(monkeypatch, capsys):
    """Runs a launcher in this process; returns exit code, output and errors.

    A launcher defines its flags when it starts, so they are taken away when it ends.
    """
    monkeypatch.syspath_prepend(str(LAUNCH))

    def call(name, *arguments, **values):
        given = [f"--{key}={value}" for key, value in values.items()]
        monkeypatch.setattr(sys, "argv", [str(LAUNCH / f"{name}.py"), *given, *map(str, arguments)])
        known = set(flags.FLAGS)
        try:
            with pytest.raises(SystemExit) as end:
                runpy.run_path(sys.argv[0], run_name="__main__")
        finally:
            for flag in set(flags.FLAGS) - known:
                delattr(flags.FLAGS, flag)
            flags.FLAGS.unparse_flags()
        return end.value.code, *capsys.readouterr()

    return call
