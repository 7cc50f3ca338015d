"""Images on which two networks differ, and what they take them for."""

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the extra figures is not installed")

from coarse2fine.data import load_source
from coarse2fine.errors import InputError
from coarse2fine.evaluation import predict
from coarse2fine.evaluation.chosen import choose_images_of_two
from coarse2fine.evaluation.decisions import Decisions
from coarse2fine.evaluation.figures import guesses_figure
from coarse2fine.evaluation.guesses import Guess, GuessedImage, best_guesses
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, train

TAXONOMY = Taxonomy(("a", "b", "c", "d"), ("x", "y"), (0, 0, 1, 1))


def test_images_are_of_the_outcome_that_they_are_chosen_for():
    fine, coarse = np.array([0, 0, 0, 0, 2, -1]), np.array([0, 0, 0, 0, 1, 0])
    none = np.zeros(6, int)
    first = Decisions(fine, coarse, np.array([0, 0, 1, 2, 1, 3]), none)
    second = Decisions(fine, coarse, np.array([0, 1, 0, 3, 0, 3]), none)
    chosen = choose_images_of_two(first, second, TAXONOMY, each=5, seed=0)
    assert {kind: numbers.tolist() for kind, numbers in chosen.items()} == {
        "both right": [0],
        "only the first right": [1],
        "only the second right": [2],
        "both fooled": [3, 4],
    }
    one = choose_images_of_two(first, second, TAXONOMY, each=1, seed=0)
    assert [len(numbers) for numbers in one.values()] == [1] * 4


def test_guesses_are_the_best_classes_of_each_network(tmp_path):
    config = Config(
        dataset="shapes/2x3",
        width=0.05,
        validation_fraction=0.0,
        batch_size=50,
        steps=1,
        schedule="cosine",
        preprocess="standardize",
    )
    runs = {
        name: train(config.replace(seed=seed), tmp_path / name)
        for name, seed in (("one", 0), ("other", 1))
    }
    source, indices = load_source("shapes/2x3", "test"), np.array([5, 400])
    taxonomy = source.taxonomy
    rows = best_guesses(runs, source, indices)
    for name, run in runs.items():
        scores = predict(run.model, run.preprocess, source, indices).fine_scores
        shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        for place, (row, index) in enumerate(zip(rows, indices, strict=True)):
            np.testing.assert_array_equal(row.image, source[int(index)]["image"])
            assert row.label == taxonomy.fine_names[source.fine[index]]
            order = np.argsort(-scores[place], kind="stable")[:5]
            assert [guess.name for guess in row.guesses[name]] == [
                taxonomy.fine_names[each] for each in order
            ]
            for guess, each in zip(row.guesses[name], order, strict=True):
                assert guess.probability == pytest.approx(shares[place, each], rel=1e-5)
                assert guess.is_right == (each == source.fine[index])
                assert guess.has_right_parent == (taxonomy.parent[each] == source.coarse[index])


def test_the_figure_marks_right_guesses_and_siblings():
    guesses = (
        Guess("b", 0.6, False, True),
        Guess("a" * 40, 0.3, True, True),
        Guess("c", 0.1, False, False),
    )
    row = GuessedImage(np.zeros((4, 4, 3), np.uint8), "a", {"one": guesses, "other": guesses[:2]})
    figure = guesses_figure([row, row], "title")
    panels = np.array(figure.axes).reshape(2, 3)
    assert [panel.get_title() for panel in panels[0]] == ["a", "one", "other"]
    assert [text.get_text() for text in panels[0, 1].texts] == [
        "b *  60%",
        f"{'a' * 21}… ✓  30%",
        "c  10%",
    ]
    bars = panels[0, 1].patches
    np.testing.assert_allclose([bar.get_width() for bar in bars], [0.6, 0.3, 0.1])
    colours = [bar.get_facecolor() for bar in bars]
    assert len({*colours}) == 3
    assert len(panels[1, 2].patches) == 2


def test_refuses_to_draw_no_image():
    with pytest.raises(InputError, match=r"^There are no images to draw\.$"):
        guesses_figure([])
