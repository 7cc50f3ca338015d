"""The files that a description leaves."""

import re

import pytest
import tensorflow as tf

pytest.importorskip("matplotlib", reason="the extra figures is not installed")

from coarse2fine.data import shapes
from coarse2fine.errors import InputError
from coarse2fine.evaluation import figures
from coarse2fine.experiments import draw_description
from coarse2fine.training import Config, describe


@pytest.mark.parametrize("num_classes", [12, 13])
def test_a_picture_has_twelve_rows_at_most_and_says_so(tmp_path, monkeypatch, num_classes):
    draw, calls = figures.samples_figure, []

    def spy(rows, title):
        calls.append((len(rows), title))
        return draw(rows, title)

    monkeypatch.setattr(figures, "samples_figure", spy)
    names = shapes.class_names(2, 10)[1][:num_classes]
    taxonomy = tmp_path / "alone.csv"
    taxonomy.write_text("\n".join(["fine,coarse", *(f"{name},{name} alone" for name in names)]))
    config = Config(dataset="shapes/2x10", taxonomy=str(taxonomy))
    draw_description(describe(config, "test"), tmp_path / "picture.png")
    assert calls == [
        (12, "shapes/2x10, split test" + ", 12 of 13 coarse classes" * (num_classes == 13))
    ]
    assert tf.io.decode_png((tmp_path / "picture.png").read_bytes()).shape[1] == 1200


def test_a_picture_of_another_kind_is_refused(tmp_path):
    description = describe(Config(dataset="shapes/2x2"))
    message = f"Picture {tmp_path}/a.pdf ends in '.pdf', expected .png."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        draw_description(description, tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())
