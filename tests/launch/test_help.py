"""Every launcher says what it takes, at once and without TensorFlow."""

import dataclasses
import pathlib
import subprocess
import sys
import time

import pytest

from coarse2fine.training import CHOICES, Config

LAUNCH = pathlib.Path(__file__).parents[2] / "launch"
LAUNCHERS = {
    path.stem: path for path in sorted(LAUNCH.glob("*.py")) if "common.run(" in path.read_text()
}
WITH_CONFIG = ("train", "compare", "describe", "granularity")
SLOW = ("tensorflow", "tensorflow_datasets", "keras", "jax", "matplotlib")


def run_help(name):
    """Output of --help, and the modules that it imported."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", LAUNCHERS[name], "--help"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = [line.rpartition("|") for line in result.stderr.splitlines()]
    return result.stdout, {module.strip() for _, bar, module in lines if bar}


def test_all_launchers_are_there():
    assert {"train", "compare", "evaluate", "export", "predict"} <= set(LAUNCHERS)


@pytest.mark.parametrize("name", LAUNCHERS)
def test_help_is_quick_and_says_what_the_launcher_does(name):
    start = time.monotonic()
    text, imported = run_help(name)
    seconds = time.monotonic() - start
    assert "coarse2fine.errors" in imported
    assert not imported & set(SLOW)
    assert seconds < 3
    assert f"python launch/{name}.py --" in text
    # A flag that is not the launcher's own shows under --helpfull only.
    assert "--verbosity" not in text


@pytest.mark.parametrize("name", WITH_CONFIG)
def test_help_lists_every_value_of_a_config_with_its_default(name):
    text, _ = run_help(name)
    for field in dataclasses.fields(Config):
        is_switch = "bool" in str(field.type)
        flag = f"--[no]{field.name}:" if is_switch else f"--{field.name}:"
        assert text.count(flag) == 1, field.name
        # Up to the next flag, and in one line.
        entry = " ".join(text.partition(flag)[2].partition("\n  --")[0].split())
        assert field.metadata["help"].split()[0] in entry, field.name
        if field.name in CHOICES:
            assert f"<{'|'.join(CHOICES[field.name])}>" in entry
        if isinstance(field.default, float):
            assert f"(default: '{field.default}')" in entry
        if isinstance(field.default, int | str) and not is_switch:
            assert f"(default: '{field.default}')" in entry


def test_bad_input_ends_in_one_line_and_exit_code_2(tmp_path):
    result = subprocess.run(
        [sys.executable, LAUNCHERS["train"], f"--workdir={tmp_path / 'run'}", "--width=-1"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 2
    assert result.stderr == "Error: The config cannot be used: width is -1.0, expected above 0.\n"
    assert not result.stdout
    assert not list(tmp_path.iterdir())


def test_bad_input_found_after_tensorflow_started_ends_in_one_line_too(tmp_path):
    result = subprocess.run(
        [sys.executable, LAUNCHERS["evaluate"], f"--workdir={tmp_path}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 2
    message = f"Error: {tmp_path} holds no run: there is no {tmp_path / 'config.json'}."
    assert result.stderr.splitlines()[-1] == message
    assert result.stderr.count("Error") == 1
    assert "Traceback" not in result.stderr
    assert not result.stdout
