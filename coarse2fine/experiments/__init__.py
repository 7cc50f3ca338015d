"""Arms and their comparison; pairs of runs and what fine labels brought."""

from coarse2fine.experiments.advise import advise
from coarse2fine.experiments.chen2018 import SETTINGS, select_settings
from coarse2fine.experiments.compare import ARMS, Arm, Comparison, compare
from coarse2fine.experiments.describe import (
    check_failures_file,
    check_picture_file,
    draw_description,
    write_failures,
)
from coarse2fine.experiments.granularity import (
    Granularity,
    Published,
    Setting,
    measure_granularity,
)
from coarse2fine.experiments.pair_pictures import draw_pairs
from coarse2fine.experiments.pictures import draw
from coarse2fine.experiments.run_pictures import draw_advice, draw_embedding, draw_run

__all__ = [
    "ARMS",
    "SETTINGS",
    "Arm",
    "Comparison",
    "Granularity",
    "Published",
    "Setting",
    "advise",
    "check_failures_file",
    "check_picture_file",
    "compare",
    "draw",
    "draw_advice",
    "draw_description",
    "draw_embedding",
    "draw_pairs",
    "draw_run",
    "measure_granularity",
    "select_settings",
    "write_failures",
]
