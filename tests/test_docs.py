"""What the documentation says is so: presets, the README's blocks, examples in docstrings."""

import doctest
import importlib
import pathlib
import re
import runpy
import shlex
import subprocess
import sys

import pytest
from absl import flags

import coarse2fine
from coarse2fine.backbones import BACKBONES
from coarse2fine.errors import InputError
from coarse2fine.training import Config
from coarse2fine.training.config import CHOICES, DEFAULTS
from coarse2fine.training.config_problems import USED_WITH
from coarse2fine.training.optimizer import make_optimizer

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PRESETS = sorted((ROOT / "launch" / "presets").glob("*.flags"))


def blocks(language):
    """The README's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def read_config(launcher_flags, monkeypatch):
    """Gives the config that a launcher makes of its arguments."""
    read = runpy.run_path(str(ROOT / "launch" / "config_flags.py"))["define_config"]()

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["launcher", *arguments])
        flags.FLAGS(sys.argv)
        return read()

    return call


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_makes_a_config(read_config, path):
    config = read_config(f"--flagfile={path}")
    given = dict(
        re.fullmatch(r"--(\w+)(?:=(.*))?", line).groups()
        for line in path.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    assert config.dataset == given["dataset"]
    assert config.backbone == given["backbone"]
    assert config.backbone in BACKBONES
    # Each number and word of the file is in the config, as it stands there.
    for name, text in given.items():
        value = getattr(config, name)
        if name == "milestones":
            pairs = [item.split(":") for item in text.split(",")]
            assert value == tuple((float(share), float(factor)) for share, factor in pairs)
        else:
            assert value == (True if text is None else type(value)(text)), name


@pytest.mark.parametrize("labels", CHOICES["labels"])
@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_labels_stand_in_place_of_a_presets(read_config, path, labels):
    plain, config = (
        read_config(f"--flagfile={path}"),
        read_config(f"--flagfile={path}", f"--labels={labels}"),
    )
    assert config.labels == labels
    for name in {*DEFAULTS} - {"labels"}:
        is_used = labels in USED_WITH.get(name, CHOICES["labels"])
        assert getattr(config, name) == (getattr(plain, name) if is_used else DEFAULTS[name])


def test_what_labels_do_not_use_is_refused_beside_them(read_config):
    preset = f"--flagfile={ROOT / 'launch/presets/cifar100_fast.flags'}"
    with pytest.raises(InputError, match=r"coarse_share is 0\.5, and is used with labels=mixed"):
        read_config(preset, "--labels=oracle", "--coarse_share=.5")


def test_the_authors_schedule_changes_at_the_epochs_that_its_preset_states(read_config):
    path = ROOT / "launch" / "presets" / "lei2017_table1_nin_authors_code.flags"
    config = read_config(f"--flagfile={path}")
    steps_per_epoch = round(50_000 / 128)
    optimizer = make_optimizer(config, 55 * steps_per_epoch)
    # Epoch 19 begins after 18 epochs of updates.
    for epochs_before, rate in ((0, 1e-2), (18, 5e-3), (29, 1e-3), (43, 5e-4), (52, 1e-4)):
        begin = epochs_before * steps_per_epoch
        schedule = optimizer._learning_rate
        assert float(schedule(begin)) == pytest.approx(rate)
        if begin:
            assert float(schedule(begin - 1)) > 1.5 * rate
    assert optimizer.decay_steps == 29 * steps_per_epoch


def test_the_imagenet_preset_crops_as_its_source_does(read_config):
    config = read_config(f"--flagfile={ROOT / 'launch/presets/chen2018_imagenet.flags'}")
    assert (config.image_size, config.augment) == (224, "random_resized_crop")


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_says_how_it_is_run_and_what_it_costs(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = " ".join(line.strip("# \\") for line in lines if line.startswith("#"))
    launcher, flagfile = re.search(
        r" python (launch/\w+\.py) .*?--flagfile=(\S+)", comments
    ).groups()
    assert (ROOT / launcher).is_file()
    assert ROOT / flagfile == path
    assert re.search("Cost: |minutes", comments)
    assert max(map(len, lines)) <= 100


def test_pictures_of_the_readme_are_there():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).read_bytes().startswith(b"\x89PNG")


def test_without_flags_a_launcher_makes_the_default_config(read_config):
    assert read_config() == Config()


def test_ci_runs_the_readmes_first_two_blocks():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (rule,) = re.findall(r"awk -v wanted=\"\$number\" '([^']+)' README\.md", ci)
    assert re.search(r"^for number in 1 2; do$", ci, re.MULTILINE)
    extracted = [
        subprocess.run(
            ["awk", "-v", f"wanted={number}", rule, ROOT / "README.md"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for number in (1, 2)
    ]
    assert extracted == blocks("sh")[:2]
    run, test = extracted
    # Each starts from nothing: an environment, then the package into it.
    for block in extracted:
        assert block.startswith("python3 -m venv .venv\n.venv/bin/pip install ")
        assert set(re.findall(r"^\S+", block, re.MULTILINE)) <= {
            "python3",
            ".venv/bin/pip",
            ".venv/bin/python",
        }
    assert re.search(r"^\.venv/bin/python launch/\w+\.py ", run, re.MULTILINE)
    assert test.endswith(".venv/bin/python -m pytest\n")
    (extra,) = re.findall(r"'\.\[(\w+)\]'", test)
    assert f'"{extra}": [' in (ROOT / "setup.py").read_text(encoding="utf-8")


def test_files_that_the_readme_names_exist():
    names = set(re.findall(r"\blaunch/[\w/]+\.\w+", README))
    assert {"launch/compare.py", "launch/presets/shapes.flags", "launch/train.py"} <= names
    assert [name for name in sorted(names) if not (ROOT / name).is_file()] == []


def commands(text):
    """`(launcher, arguments)` of each command in a text; lines that end in a backslash go on.

    What stands after ` -- ` is a command of its own.
    """
    lines = re.sub(r" *\\\n *", " ", text).replace(" -- ", "\n").splitlines()
    command = r" *(?:\w+=(?:'[^']*'|\S+) )?\S*python (launch/\w+\.py)(.*)"
    matches = (re.fullmatch(command, line) for line in lines)
    return [(match[1], shlex.split(match[2])) for match in matches if match]


COMMANDS = [
    *((launcher, words, "README") for launcher, words in commands(README)),
    *(
        (launcher, words, path.stem)
        for path in PRESETS
        for launcher, words in commands(
            re.sub("^#", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        )
    ),
]


def test_commands_are_found_whole():
    text = (
        "text\nA='b b' .venv/bin/python launch/x.py --a -- python launch/y.py \\\n  --b='c d'\n--e"
    )
    assert commands(text) == [("launch/x.py", ["--a"]), ("launch/y.py", ["--b=c d"])]
    code = "".join(re.findall(r"^```\w*\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))
    presets = "".join(path.read_text(encoding="utf-8") for path in PRESETS)
    assert len(COMMANDS) == (code + presets).count("python launch/")


@pytest.mark.parametrize(
    ("launcher", "words"),
    [command[:2] for command in COMMANDS],
    ids=[f"{where}-{pathlib.Path(launcher).stem}" for launcher, _, where in COMMANDS],
)
@pytest.mark.usefixtures("launcher_flags")
def test_commands_give_flags_that_their_launcher_has(monkeypatch, launcher, words):
    monkeypatch.chdir(ROOT)  # Flagfiles are named from there.
    defined = runpy.run_path(str(ROOT / launcher), run_name="launcher")
    left = flags.FLAGS([launcher, *words])[1:]
    if "_config" in defined:
        defined["_config"]()
    assert left == ([] if launcher != "launch/predict.py" else words[-2:])


def test_the_readmes_python_block_learns_and_serves(tmp_path, monkeypatch, capsys):
    (block,) = blocks("python")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    accuracy, _, answer = capsys.readouterr().out.partition("\n")
    assert float(accuracy) > 0.8
    # Of four fine classes the best five are all.
    assert set(re.findall("[a-z]{4,}", answer)) >= {"siamese", "persian", "beagle", "boxer"}
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


PACKAGE = pathlib.Path(coarse2fine.__file__).parent
WITH_EXAMPLES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]
# Conformance runs these, which take long.
OF_BACKBONES = {backbone.build.__module__ for backbone in BACKBONES.values()}


def test_modules_with_examples_are_found():
    assert {"coarse2fine.taxonomy.taxonomy", "coarse2fine.training.muon"} < set(WITH_EXAMPLES)
    assert set(WITH_EXAMPLES) > OF_BACKBONES


@pytest.mark.parametrize("name", [name for name in WITH_EXAMPLES if name not in OF_BACKBONES])
def test_examples_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
