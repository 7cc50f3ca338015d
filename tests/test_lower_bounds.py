"""The versions that the README's command installs are the lowest that `setup.py` allows."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]


def test_the_constraints_are_the_lower_bounds_of_setup():
    bounds = set(re.findall(r'"([\w-]+)>=([\w.]+)"', (ROOT / "setup.py").read_text("utf-8")))
    lines = (ROOT / "tests" / "lower_bounds.txt").read_text("utf-8").splitlines()
    assert lines == [f"{name}=={bound}" for name, bound in sorted(bounds, key=str)]
    assert {name for name, _ in bounds} >= {"keras", "tensorflow", "numpy", "scipy", "pytest"}
