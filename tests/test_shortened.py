"""Names where there is little room."""

import pytest

from coarse2fine.shortened import shortened


@pytest.mark.parametrize(
    ("name", "short"), [("", ""), ("猫", "猫"), ("wolf", "wolf"), ("wolves", "wol…")]
)
def test_a_name_has_at_most_so_many_letters(name, short):
    assert shortened(name, 4) == short
