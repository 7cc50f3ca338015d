"""The picture of samples: each image in its place, with its name, and that it can be read."""

import itertools

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the extra figures is not installed")

from coarse2fine.data.samples import ClassSamples, Sample
from coarse2fine.errors import InputError
from coarse2fine.evaluation.figures import samples_figure


def make_rows(num_rows, num_columns, channels=3, name="some fine class of many words, and others"):
    """The images of row r and column c are of grey 20 r + c."""
    return [
        ClassSamples(
            f"coarse_class_with_a_long_name_{r}",
            tuple(
                Sample(
                    np.full((8, 8, channels), 20 * r + c, np.uint8),
                    None if c == num_columns - 1 else name,
                )
                for c in range(num_columns)
            ),
        )
        for r in range(num_rows)
    ]


def extents(artists, figure):
    figure.draw_without_rendering()
    return [artist.get_window_extent() for artist in artists]


@pytest.mark.parametrize("channels", [1, 3])
def test_images_stand_in_rows_and_columns(channels):
    figure = samples_figure(make_rows(3, 5, channels))
    (axes,) = figure.axes
    shades = {}
    for image in axes.get_images():
        left, _, _, top = image.get_extent()
        shades[top, left] = int(np.asarray(image.get_array()).flat[0])
        # As bright as given, not stretched to what is in the image.
        assert image.get_clim() == (0, 255)
    assert [shades[place] for place in sorted(shades)] == [
        20 * r + c for r in range(3) for c in range(5)
    ]


@pytest.mark.parametrize("shape", [(1, 1), (3, 8), (12, 8), (2, 14)])
def test_no_text_lies_on_an_image_or_on_another_or_outside(shape):
    figure = samples_figure(make_rows(*shape), "a title")
    (axes,) = figure.axes
    texts = extents(axes.texts, figure)
    images = extents(axes.get_images(), figure)
    assert len(texts) == shape[0] * (shape[1] + 1)
    for text, other in itertools.combinations([*texts, *images], 2):
        assert not (
            min(text.x1, other.x1) - max(text.x0, other.x0) > 0.5
            and min(text.y1, other.y1) - max(text.y0, other.y0) > 0.5
        )
    for text in texts:
        assert figure.bbox.x0 <= text.x0 < text.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= text.y0 < text.y1 <= figure.bbox.y1


def test_names_are_written_whole_where_there_is_room():
    names = ["cat", "$x_1$", "aquarium_fish", "household_electrical_devices", "English foxhound"]
    samples = tuple(Sample(np.zeros((2, 2, 3), np.uint8), name) for name in names)
    rows = [ClassSamples("a_b", (*samples, Sample(samples[0].image, None)))]
    written = [text.get_text() for text in samples_figure(rows).axes[0].texts]
    assert [text.replace("\n", " ") for text in written] == [
        *("a_b", "cat", "$x_1$", "aquarium_ fish"),
        "household_ electrical_…",
        "English foxhound",
        "(coarse only)",
    ]


def test_an_image_that_cannot_be_read_is_a_field_that_says_so():
    rows = [ClassSamples("cat", (Sample(None, "siamese"),))]
    (axes,) = samples_figure(rows).axes
    assert [text.get_text() for text in axes.texts] == ["cat", "cannot\nbe read", "siamese"]
    assert not axes.get_images()
    assert len(axes.collections) == 1


def test_nothing_to_draw_is_refused():
    with pytest.raises(InputError, match=r"^There are no classes to draw\.$"):
        samples_figure([])
