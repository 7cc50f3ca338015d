"""The folder that each case works in, and what lies beside it."""

import pytest
from hostile import Trap, state


@pytest.fixture
def home(tmp_path):
    """The folder to work in; what lies beside it stays, and the trap is not sprung."""
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "file.txt").write_text("mine")
    (tmp_path / "home").mkdir()
    before = state(tmp_path / "beside")
    yield tmp_path / "home"
    assert state(tmp_path / "beside") == before
    assert {path.name for path in tmp_path.iterdir()} == {"beside", "home"}


@pytest.fixture
def trap(home):
    """The folder that code in a case makes, beside the one to work in."""
    return Trap(home.parent / "beside" / "sprung")
