"""Which pictures a folder of runs gives, and what is in them."""

import json
import re
import shutil
import sys

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the extra figures is not installed")

from runs import draw_coarse_run, draw_fine_run, write_run

from coarse2fine.errors import InputError
from coarse2fine.evaluation import figures, rank_correlation
from coarse2fine.evaluation.pairs import find_pairs, find_runs
from coarse2fine.experiments import (
    Setting,
    advise,
    draw,
    draw_advice,
    draw_class_maps,
    draw_embedding,
    draw_pairs,
    draw_run,
    measure_granularity,
    run_pictures,
)
from coarse2fine.training import Config, load_run, load_split

TINY = Config(
    dataset="shapes/2x3",
    width=0.05,
    validation_fraction=0.0,
    batch_size=100,
    epochs=2,
    schedule="onecycle",
    preprocess="standardize",
    track_training_accuracy=True,
    track_test_accuracy=True,
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with three pairs of runs, two of which differ in their share of the images."""
    folder = tmp_path_factory.mktemp("pictures") / "runs"
    settings = (
        Setting("half", {"data_fraction": 0.5}),
        Setting("whole"),
        Setting("dropout", {"head_dropout": 0.3}),
    )
    measure_granularity(TINY, folder, settings, training=True)
    return folder


@pytest.fixture
def drawn(monkeypatch):
    """What the figures are given, by their names."""
    calls = {}

    def spy(name, draw):
        def call(*args, **kwargs):
            calls.setdefault(name, []).append(args)
            return draw(*args, **kwargs)

        return call

    for name in figures.__all__:
        if name.islower():
            monkeypatch.setattr(figures, name, spy(name, getattr(figures, name)))
    return calls


def is_picture(path):
    return path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 5000


def test_pairs_are_drawn_as_curves_against_fraction_and_against_ratio(home, drawn):
    written = draw_pairs(home)
    assert [path.name for path in written] == [
        "curves_data_fraction=0.5_fine_and_data_fraction=0.5_coarse.png",
        "curves_fine_and_coarse.png",
        "curves_head_dropout=0.3_fine_and_head_dropout=0.3_coarse.png",
        "fractions_fine_and_coarse.png",
        "gain_against_ratio.png",
    ]
    assert all(path.parent == home / "figures" and is_picture(path) for path in written)

    pairs = {pair.fine.path.name: pair for pair in find_pairs(find_runs(home).runs)}
    curves = drawn["accuracy_curves"][1][0]
    assert [curve.name for curve in curves] == ["fine labels", "coarse labels"]
    for curve, run in zip(curves, (pairs["fine"].fine, pairs["fine"].coarse), strict=True):
        assert curve.x.tolist() == [1, 2]
        assert curve.test[-1] == pytest.approx(run.coarse_accuracy)

    lines, _ = drawn["accuracy_against_fraction"][0]
    for kind, part in zip(lines, ("fine", "coarse"), strict=True):
        assert kind.x.tolist() == [0.5, 1.0]
        runs = [getattr(pairs[name], part) for name in ("data_fraction=0.5_fine", "fine")]
        np.testing.assert_allclose(kind.test, [run.coarse_accuracy for run in runs])
        assert kind.training.shape == (2,)
        assert kind.published is None

    points, measured, published = drawn["gain_against_ratio"][0]
    assert [point.name for point in points if not point.is_published] == [
        pair.name for pair in pairs.values()
    ]
    assert sum(point.is_published for point in points) == published.n == 16
    gains = [point.gain for point in points if not point.is_published]
    np.testing.assert_allclose(gains, [100 * pair.gain for pair in pairs.values()])
    assert measured is None, "one of the three pairs is plain: the whole set's"


def test_class_maps_are_drawn_for_each_outcome(home, drawn):
    written = draw(home / "fine", class_maps=True, num_images=6)
    kinds = [path.stem.removeprefix("class_maps_") for path in written if "class_maps" in path.stem]
    assert kinds
    assert {*kinds} <= {"right", "a_sibling", "another_parent"}
    assert all(is_picture(path) for path in written)
    for rows, title in drawn["class_maps_figure"]:
        assert len(rows) == 2
        is_right = [row.maps[0].is_right for row in rows]
        assert is_right == [title.endswith("named rightly")] * 2


@pytest.mark.parametrize("most", [4, 5])
@pytest.mark.parametrize("name", ["fine", "coarse"])
def test_no_more_class_maps_are_drawn_than_asked_for(home, drawn, name, most):
    draw(home / name, class_maps=True, num_images=most)
    counts = [len(rows) for rows, _ in drawn["class_maps_figure"]]
    assert len(counts) > 1
    assert sum(counts) == most, "there are enough of each outcome"


@pytest.mark.parametrize("most", [4, 5])
def test_no_more_guesses_are_drawn_than_asked_for(home, drawn, most):
    draw(home / "fine", beside=home / "head_dropout=0.3_fine", num_images=most)
    counts = [len(rows) for rows, _ in drawn["guesses_figure"]]
    assert len(counts) > 1
    assert sum(counts) == most, "there are enough of each outcome"


def test_class_maps_say_where_they_are_of_one_of_several_views(home, drawn, tmp_path):
    shutil.copytree(home / "fine", tmp_path / "run")
    report = json.loads((home / "fine" / "report.json").read_text())
    (tmp_path / "run" / "report.json").write_text(json.dumps({**report, "views": 2}))
    draw_class_maps(tmp_path / "run", num_images=3)
    titles = [title for _, title in drawn["class_maps_figure"]]
    assert titles
    assert all(re.fullmatch(r".*: named .* in 2 views, maps of one", title) for title in titles)


def test_two_runs_are_drawn_beside_each_other_for_each_outcome(home, drawn):
    other = home / "head_dropout=0.3_fine"
    written = draw(home / "fine", beside=other, num_images=8)
    assert [path.stem for path in written if path.stem.startswith("guesses")]
    for rows, title in drawn["guesses_figure"]:
        assert 1 <= len(rows) <= 2
        for row in rows:
            first, second = (row.guesses[name][0] for name in ("fine", other.name))
            if title.endswith("both fooled"):
                assert not first.has_right_parent
                assert not second.has_right_parent
            else:
                assert first.is_right == title.endswith(("both right", "only the first right"))
                assert second.is_right == title.endswith(("both right", "only the second right"))


def test_a_run_without_a_fine_head_has_no_guesses(home):
    with pytest.raises(InputError) as error:
        draw(home / "fine", beside=home / "coarse")
    assert str(error.value) == (
        f"The run in {home / 'coarse'} names no fine classes. Choose another one."
    )


def test_class_maps_are_of_the_images_that_decisions_are_of(home):
    other = load_split(TINY.replace(seed=5), "test")
    with pytest.raises(InputError) as error:
        draw_class_maps(home / "fine", source=other)
    assert str(error.value) == (
        f"The run in {home / 'fine'} was evaluated on other test images than these. Run "
        f"launch/evaluate.py --workdir={home / 'fine'} first."
    )


def test_the_correlation_is_of_plain_pairs_one_a_run_on_fine_labels(tmp_path, drawn):
    gains, ratios = [], []
    for i in range(4):
        options = {"seed": i}
        fine = draw_fine_run(tmp_path / f"fine_{i}", draw=i, other=0.04 + 0.04 * i, **options)
        coarse = draw_coarse_run(tmp_path / f"a_{i}", draw=10 + i, **options)
        draw_coarse_run(tmp_path / f"b_{i}", draw=20 + i, **options)
        draw_coarse_run(tmp_path / f"deep_{i}", draw=30 + i, extra_layer=True, **options)
        ratios.append(fine.report["average_confusion_ratio_normalized"])
        gains.append(fine.coarse_accuracy - coarse.coarse_accuracy)
    draw_pairs(tmp_path)
    points, measured, _ = drawn["gain_against_ratio"][0]
    assert sum(not point.is_published for point in points) == 12
    assert measured == rank_correlation(np.array(ratios), 100 * np.array(gains))


def test_a_run_is_drawn_as_its_confusion_matrix(home, drawn):
    for name, num_classes in (("fine", 6), ("coarse", 2)):
        (path,) = draw_run(home / name)
        assert path == home / name / "figures" / "confusion.png"
        assert is_picture(path)
        confusion, taxonomy, _ = drawn["confusion_figure"].pop()
        assert confusion.shape == (num_classes, num_classes)
        assert confusion.sum() == 600
        assert taxonomy.num_fine == num_classes


def test_an_embedding_is_drawn_and_written_for_the_projector(home, drawn):
    pytest.importorskip("openTSNE", reason="the extra figures is not installed")
    progress = []
    picture, folder = draw_embedding(
        home / "coarse", num_images=50, on_progress=lambda *args: progress.append(args)
    )
    assert is_picture(picture)
    assert len(drawn["embedding_figure"][0][0]) == 50
    assert progress[-1][0] == progress[-1][1]
    assert folder == home / "coarse" / "events" / "projector"
    assert len((folder / "metadata.tsv").read_text().splitlines()) == 51


def test_the_embedding_of_a_loaded_run_is_the_same(home, drawn):
    pytest.importorskip("openTSNE", reason="the extra figures is not installed")
    draw_embedding(home / "coarse", num_images=50)
    run_pictures.embedding_of(load_run(home / "coarse"), load_split(TINY, "test"), num_images=50)
    (points, *rest), (same_points, *same_rest) = drawn["embedding_figure"]
    np.testing.assert_array_equal(points, same_points)
    np.testing.assert_array_equal(rest[0], same_rest[0])
    assert rest[1:] == same_rest[1:]
    assert rest[2] == "shapes/2x3, trained with labels=coarse"


def test_what_refuses_an_embedding_does_so_before_the_points_are_placed(
    home, tmp_path, monkeypatch
):
    def place(*args):
        raise AssertionError("t-SNE has begun")

    monkeypatch.setattr(run_pictures, "tsne", place)
    shutil.copytree(home / "fine", tmp_path / "run")
    (tmp_path / "run/events/projector").write_text("")
    message = f"{tmp_path}/run/events/projector cannot be written: File exists."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        draw_embedding(tmp_path / "run", num_images=20)
    for module in ("matplotlib.figure", "openTSNE"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            with pytest.raises(InputError, match="is not installed: pip install"):
                draw_embedding(home / "fine", num_images=20)


def test_advice_is_written_and_drawn(home, drawn):
    advice = advise(home / "fine", num_resamples=100)
    assert [pair.name for pair in advice.measured] == [
        "data_fraction=0.5_fine and data_fraction=0.5_coarse",
        "fine and coarse",
        "head_dropout=0.3_fine and head_dropout=0.3_coarse",
    ]
    assert [e.name for e in advice.evidence if not e.published] == [
        "head_dropout=0.3_fine and head_dropout=0.3_coarse"
    ]
    for name in ("advice.json", "advice.md"):
        assert (home / "fine" / name).stat().st_size > 500
    assert is_picture(draw_advice(advice, home / "fine"))


def test_pairs_of_one_name_in_several_folders_get_a_picture_each(home, tmp_path):
    for name in ("a", "b"):
        for labels in ("fine", "coarse"):
            shutil.copytree(home / labels, tmp_path / name / labels)
    names = [path.name for path in draw_pairs(tmp_path)]
    assert len(names) == len(set(names))
    assert "curves_a_fine_and_b_coarse.png" in names


def test_pictures_that_would_be_called_alike_are_numbered(home, tmp_path):
    for name in ("a/b", "a_b"):
        for labels in ("fine", "coarse"):
            shutil.copytree(home / labels, tmp_path / name / labels)
    written = draw_pairs(tmp_path)
    names = [path.name for path in written if path.name.startswith("curves_")]
    assert names == [
        "curves_a_b_fine_and_a_b_coarse.png",
        *(f"curves_a_b_fine_and_a_b_coarse_{number}.png" for number in (2, 3, 4)),
    ]
    assert all(path.is_file() for path in written)


def test_pairs_of_which_there_is_nothing_to_draw_are_refused(tmp_path):
    fine = np.arange(60) % 6
    write_run(tmp_path / "fine", "fine", best_fine=fine, fine=fine)
    draw_coarse_run(tmp_path / "coarse", num_images=60)
    message = (
        f"There is nothing to draw of the pairs of runs below {tmp_path}: accuracies were not "
        "tracked (track_training_accuracy, track_test_accuracy), no two pairs differ in "
        "data_fraction alone, and every average confusion ratio is undefined."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        draw_pairs(tmp_path)


def test_a_run_without_metrics_makes_no_curves(home, tmp_path):
    for labels in ("fine", "coarse"):
        shutil.copytree(home / labels, tmp_path / labels)
        (tmp_path / labels / "metrics.jsonl").write_text("")
    assert [path.name for path in draw_pairs(tmp_path)] == ["gain_against_ratio.png"]


@pytest.mark.parametrize(
    ("folder", "arguments", "message"),
    [
        ("", {"embedding": True}, "embedding is of one run, and {} holds none itself: name a run."),
        (
            "fine",
            {"num_images": 5},
            "images and data_dir are used with embedding, class_maps or beside alone.",
        ),
        (
            "",
            {"data_dir": "x"},
            "images and data_dir are used with embedding, class_maps or beside alone.",
        ),
    ],
)
def test_arguments_that_would_be_ignored_are_refused(home, folder, arguments, message):
    with pytest.raises(InputError) as error:
        draw(home / folder, **arguments)
    assert str(error.value) == message.format(home / folder)


def test_a_folder_without_a_pair_is_refused(home, tmp_path):
    message = (
        f"There is no pair of evaluated runs below {tmp_path}: one with --labels=fine and one with "
        "--labels=coarse, alike in all else."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        draw_pairs(tmp_path)


def test_without_the_extra_a_message_says_how_to_get_it(home, monkeypatch):
    for module in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=re.escape("pip install 'coarse2fine[figures]'")):
        draw_run(home / "fine")
