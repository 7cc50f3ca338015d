"""Arms and their comparison; pairs of runs and what fine labels brought."""

from coarse2fine.experiments import lei2017
from coarse2fine.experiments.advise import advise
from coarse2fine.experiments.arms import ARMS, Arm, Comparison
from coarse2fine.experiments.chen2018 import SETTINGS, select_settings
from coarse2fine.experiments.compare import Comparisons, compare, compare_settings
from coarse2fine.experiments.comparison_setting import (
    ComparisonSetting,
    PublishedComparison,
    with_seeds,
)
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
from coarse2fine.experiments.report_page import write_page
from coarse2fine.experiments.run_pictures import (
    draw_advice,
    draw_class_maps,
    draw_embedding,
    draw_guesses,
    draw_run,
)

__all__ = [
    "ARMS",
    "SETTINGS",
    "Arm",
    "Comparison",
    "ComparisonSetting",
    "Comparisons",
    "Granularity",
    "Published",
    "PublishedComparison",
    "Setting",
    "advise",
    "check_failures_file",
    "check_picture_file",
    "compare",
    "compare_settings",
    "draw",
    "draw_advice",
    "draw_class_maps",
    "draw_description",
    "draw_embedding",
    "draw_guesses",
    "draw_pairs",
    "draw_run",
    "lei2017",
    "measure_granularity",
    "select_settings",
    "with_seeds",
    "write_failures",
    "write_page",
]
