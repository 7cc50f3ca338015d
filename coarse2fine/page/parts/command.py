"""What makes a run again."""

import shlex
from typing import Any

from coarse2fine.data.source import GIVEN
from coarse2fine.page.html import Html, element, section
from coarse2fine.page.page_run import PageRun
from coarse2fine.training.config import DEFAULTS, Config


def command(run: PageRun) -> Html:
    """The command that makes such a run again; or the call, where its images were given to one."""
    if run.config.dataset != GIVEN:
        return section("Made again by", element("pre", element("code", command_of(run.config))))
    text = "The run was made in Python: its images were given, and are what source stands for here."
    return section(
        "Made again by",
        element("p", text, class_="faint"),
        element("pre", element("code", call_of(run.config))),
    )


def command_of(config: Config) -> str:
    """A call of launch/train.py with what differs from the defaults."""
    flags = ["--workdir=W"]
    for name, value in _not_default(config).items():
        if isinstance(value, bool):
            flags.append(f"--{name}" if value else f"--no{name}")
        elif isinstance(value, tuple):
            flags.append(f"--{name}={','.join(':'.join(map(repr, pair)) for pair in value)}")
        else:
            flags.append(f"--{name}={value}")
    return " \\\n  ".join(["python launch/train.py", *map(shlex.quote, flags)])


def call_of(config: Config) -> str:
    """The same as a call of `train`, on images that are given to it."""
    values = _not_default(config)
    del values["dataset"]
    lines = ["config = Config(", *(f"    {name}={value!r}," for name, value in values.items()), ")"]
    return "\n".join(
        [
            "from coarse2fine.training import Config, train",
            "",
            *lines,
            'run = train(config, "W", source=source)',
        ]
    )


def _not_default(config: Config) -> dict[str, Any]:
    own = Config(schedule=config.schedule)  # With the warm-up that comes with the schedule.
    defaults = {**vars(own), "schedule": DEFAULTS["schedule"]}
    return {name: value for name, value in vars(config).items() if value != defaults[name]}
