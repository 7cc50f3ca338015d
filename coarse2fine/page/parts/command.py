"""The command that makes a run again."""

import shlex

from coarse2fine.page.html import Html, element, section
from coarse2fine.page.page_run import PageRun
from coarse2fine.training.config import DEFAULTS


def command(run: PageRun) -> Html:
    """The command that makes such a run again."""
    return section("Made again by", element("pre", element("code", command_of(run))))


def command_of(run: PageRun) -> str:
    """A call of launch/train.py with what differs from the defaults."""
    flags = ["--workdir=W"]
    for name, default in DEFAULTS.items():
        value = getattr(run.config, name)
        if value == default:
            continue
        if isinstance(value, bool):
            flags.append(f"--{name}" if value else f"--no{name}")
        elif isinstance(value, tuple):
            flags.append(f"--{name}={','.join(':'.join(map(repr, pair)) for pair in value)}")
        else:
            flags.append(f"--{name}={value}")
    return " \\\n  ".join(["python launch/train.py", *map(shlex.quote, flags)])
