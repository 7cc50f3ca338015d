"""What the package's modules take from each other."""

import ast
import pathlib

import coarse2fine

ROOT = pathlib.Path(coarse2fine.__file__).parents[1]


def imported(path):
    """The full names of what a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def private_of_others(path):
    """What a module imports, and another package than the ones that it lies in keeps to itself."""
    folders = path.relative_to(ROOT).parts[:-1]
    for name in imported(path):
        parts = name.split(".")
        own = next((place for place, part in enumerate(parts) if part.startswith("_")), 0)
        if parts[0] == folders[0] and tuple(parts[:own]) != folders[:own]:
            yield name


def test_no_package_takes_what_another_keeps_to_itself():
    files = [*(ROOT / "coarse2fine").rglob("*.py")]
    assert len(files) > 100
    assert {str(path): found for path in files if (found := [*private_of_others(path)])} == {}


def test_what_another_package_keeps_to_itself_is_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "coarse2fine" / "page" / "parts" / "x.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import coarse2fine.data._files\n"
        "from coarse2fine._own import a\n"
        "from coarse2fine.data import pipeline\n"
        "from coarse2fine.data.pipeline import _batch\n"
        "from coarse2fine.page._html import b\n"
        "from numpy import _core\n"
    )
    assert [*private_of_others(path)] == [
        "coarse2fine.data._files",
        "coarse2fine.data.pipeline._batch",
    ]
