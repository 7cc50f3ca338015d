"""What launchers print while the library works."""

import sys
from collections.abc import Callable

import keras


def say(line: str) -> None:
    """Prints a line at once, as `coarse2fine.training.train` takes it."""
    print(line, flush=True)


def show_share(name: str, unit: str = "update") -> Callable[[int, int], None]:
    """What shows one bar over work that reports `(done, total)`, counted in `unit`."""
    bar = None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            print(name, flush=True)
            bar = keras.utils.Progbar(total, interval=bar_interval(), unit_name=unit)
        bar.update(done)

    return show


def bar_interval() -> float:
    """Seconds between two lines of a bar, which pile up where they do not overwrite each other."""
    return 0.2 if sys.stdout.isatty() else 20.0
