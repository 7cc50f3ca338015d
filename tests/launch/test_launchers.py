"""Launchers from flags to files: what they print, refuse, and leave as it was."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine import experiments, export
from coarse2fine.training import Config, batch_size, load_run, run, train
from coarse2fine.training.trial import Memory

TINY = {
    "dataset": "shapes/2x2",
    "width": 0.05,
    "steps": 2,
    "batch_size": 64,
    "preprocess": "standardize",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workdir with a finished run; not to be changed."""
    path = tmp_path_factory.mktemp("trained") / "run"
    train(Config(**TINY), path)
    return path


@pytest.fixture
def run_copy(trained, tmp_path):
    """A copy of that workdir, to be changed."""
    for file, data in contents(trained).items():
        target = tmp_path / "run" / file.relative_to(trained)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return tmp_path / "run"


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """An exported model."""
    path = tmp_path_factory.mktemp("exported") / "model"
    export.export(load_run(trained), path)
    return path


def contents(path):
    """Every file and folder below a folder."""
    return {p: p.read_bytes() if p.is_file() else None for p in path.rglob("*") if p.is_file()}


def write_image(path, seed=0, encode=tf.io.encode_png):
    image = np.random.default_rng(seed).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    path.write_bytes(encode(image).numpy())
    return path


class TestTrain:
    def test_trains_what_its_flags_say(self, launch, tmp_path):
        path = tmp_path / "run"
        code, out, err = launch(
            "train", workdir=path, **TINY, schedule="milestones", milestones=".5:.1,.75:.01"
        )
        assert (code, err) == (None, "")
        assert re.search(
            rf"^run: 2 updates$.*^Trained 2 updates in \d+ s: {path}$", out, re.M | re.S
        )
        expected = Config(**TINY, schedule="milestones", milestones=((0.5, 0.1), (0.75, 0.01)))
        assert load_run(path).config == expected

    @pytest.mark.parametrize("length", [("--steps", "2"), ("--budget=5m",)])
    def test_a_length_stands_in_place_of_a_flag_files(self, launch, tmp_path, monkeypatch, length):
        monkeypatch.setattr(run, "kept_steps", lambda *_: 2)
        values = {name: value for name, value in TINY.items() if name != "steps"}
        flag_file = tmp_path / "preset.flags"
        flag_file.write_text("--epochs=40\n")
        path = tmp_path / "run"
        code, _, err = launch("train", f"--flagfile={flag_file}", *length, workdir=path, **values)
        assert (code, err) == (None, "")
        assert load_run(path).config == Config(**TINY)

    def test_says_which_batch_size_it_found_before_it_trains(self, launch, tmp_path, monkeypatch):
        monkeypatch.setattr(batch_size, "measure_memory", lambda *arguments: Memory(0, 1))
        path = tmp_path / "run"
        code, out, err = launch("train", workdir=path, **{**TINY, "batch_size": "auto"})
        assert (code, err) == (None, "")
        # 800 images, without the tenth of S_fine that is for validation.
        first, second, *_ = out.splitlines()
        assert first == "batch_size auto: 759 (of 760 training images)"
        assert second == "run: 2 updates"
        assert load_run(path).config.batch_size == 759

    def test_goes_on_without_labels_for_some_classes_where_it_may(self, launch, tmp_path):
        path = tmp_path / "run"
        code, _, err = launch(
            "train",
            "--allow_unlabelled_classes",
            workdir=path,
            **TINY,
            fine_fraction=0,
            schedule="cosine",
        )
        assert (code, err) == (None, "")
        counts = json.loads((path / "data.json").read_text())["images"]
        assert counts == {"fine_labelled": 0, "coarse_only": 400, "validation": 0}

    def test_stops_where_the_loss_is_no_number_and_keeps_the_good_checkpoint(
        self, launch, tmp_path
    ):
        # 720 images in batches of 64 make an epoch of 12 updates; the second one goes wrong.
        path = tmp_path / "run"
        code, _, err = launch(
            "train",
            workdir=path,
            **{**TINY, "steps": 24},
            schedule="milestones",
            milestones=".5:1e32",
            checkpoint_every_steps=12,
        )
        assert code == 2
        message = re.fullmatch(
            rf"Error: (The loss is (nan|inf) at|A weight is not finite after) step (\d+)\. The "
            rf"last good checkpoint: {path}/checkpoints/step-12\.npz\. Start again in another "
            r"workdir with a lower learning_rate\.\n",
            err,
        )
        assert message is not None, err
        assert 12 < int(message[3]) <= 24
        assert all(np.isfinite(weight).all() for weight in load_run(path).model.get_weights())

    def test_a_last_update_that_breaks_the_weights_is_an_error(self, launch, tmp_path):
        code, _, err = launch(
            "train", workdir=tmp_path / "run", **{**TINY, "steps": 3}, learning_rate=1e30
        )
        assert code == 2
        assert re.fullmatch(
            r"Error: (The loss is (nan|inf) at|A weight is not finite after) step [1-3]\. The last "
            r"good checkpoint: none\. Start again in another workdir with a lower "
            r"learning_rate\.\n",
            err,
        )


UNKNOWN_SET = (
    "Unknown data set 'imagenot'. Known: shapes, shapes/<coarse>x<fine of each>, and the image "
    "sets of TensorFlow Datasets (cifar100, cifar10, ...)."
)


class TestTrainRefuses:
    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"dataset": "imagenot"}, UNKNOWN_SET),
            (
                {"dataset": "shapes/1x2"},
                "shapes cannot have 1 coarse classes of 2: ",
            ),
            ({"backbone": "resnext"}, "Unknown backbone 'resnext'. Known: "),
            (
                {"fine_fraction": -0.1},
                "The config cannot be used: fine_fraction is -0.1, expected from 0 to 1.",
            ),
            (
                {"fine_fraction": 0.7, "coarse_fraction": 0.5},
                "fine_fraction 0.7 and coarse_fraction 0.5 sum to 1.2, expected at most 1: ",
            ),
            (
                {"fine_fraction": 0},
                "4 of 4 fine classes have no fine-labelled training image: striped disk, dotted "
                "disk, striped square, dotted square. Raise fine_fraction, label some, or pass "
                "allow_unlabelled_classes to train without.",
            ),
            (
                {"fine_fraction": 0.005, "coarse_fraction": 0.5, "validation_fraction": 0.01},
                "validation_fraction 0.01 of S_fine gives no validation image, and schedule "
                "plateau needs some. Raise it.",
            ),
            (
                {
                    "batch_size": 16,
                    "fine_fraction": 0.02,
                    "coarse_fraction": 0.9,
                    "schedule": "cosine",
                },
                "A batch of 16 is too small for the ratio of ",
            ),
            (
                {"milestones": "0.5"},
                "milestones is '0.5', expected share:factor,... as in .5:.1,.75:.01.",
            ),
            ({"batch_size": "big"}, "batch_size is 'big', expected a whole number, or auto."),
            ({"batch_size": "1.5"}, "batch_size is '1.5', expected a whole number, or auto."),
            (
                {"batch_size": 0},
                "The config cannot be used: batch_size is 0, expected 1 or more, or auto.",
            ),
            (
                {"epochs": 3},
                "The config cannot be used: epochs 3 and steps 2 are both given, expected one.",
            ),
            ({"taxonomy": "gone.csv"}, "Taxonomy gone.csv cannot be read: No such file"),
        ],
        ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
    )
    def test_what_cannot_be_used_in_one_line_and_writes_nothing(
        self, launch, tmp_path, values, message
    ):
        code, _, err = launch("train", workdir=tmp_path / "run", **{**TINY, **values})
        assert code == 2
        assert err.startswith(f"Error: {message}")
        assert err.count("\n") == 1
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                ["--augment=flip"],
                "FATAL Flags parsing error: flag --augment=flip: value should be one of "
                "<none|crop_flip|random_crop|random_resized_crop>",
            ),
            (["--width=wide"], "FATAL Flags parsing error: flag --width=wide: "),
            (["--size=3"], "FATAL Flags parsing error: Unknown command line flag 'size'"),
        ],
    )
    def test_unknown_flags_and_values(self, launch, tmp_path, monkeypatch, arguments, message):
        monkeypatch.chdir(tmp_path)
        code, out, err = launch("train", f"--workdir={tmp_path / 'run'}", *arguments)
        assert code not in (0, None)
        assert err.startswith(message)
        assert not out
        assert not list(tmp_path.iterdir())

    def test_a_missing_workdir(self, launch):
        code, _, err = launch("train")
        assert code not in (0, None)
        assert err.startswith("FATAL Flags parsing error: flag --workdir=None: ")

    def test_arguments_that_are_no_flags(self, launch, tmp_path):
        code, out, err = launch("train", "please", "now", workdir=tmp_path / "run")
        assert code == 2
        assert not out
        assert err == "Error: Unexpected arguments: please now. Flags start with --.\n"
        assert not list(tmp_path.iterdir())

    def test_a_taxonomy_file_by_file_and_line(self, launch, tmp_path):
        path = tmp_path / "pets.csv"
        path.write_text("fine,coarse\na,x\na,y\n")
        code, _, err = launch("train", workdir=tmp_path / "run", **TINY, taxonomy=path)
        assert code == 2
        assert err == f"Error: Taxonomy {path}, line 3: fine class 'a' already stands in line 2.\n"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_folder_without_the_data_set(self, launch, tmp_path):
        (tmp_path / "empty").mkdir()
        code, _, err = launch(
            "train", workdir=tmp_path / "run", dataset="cifar100", data_dir=tmp_path / "empty"
        )
        assert code == 2
        assert err.startswith(f"Error: There is no prepared 'cifar100' in {tmp_path}/empty/")
        assert err.count("\n") == 1
        assert not (tmp_path / "run").exists()

    def test_a_workdir_with_another_run(self, launch, trained):
        before = contents(trained)
        code, _, err = launch("train", workdir=trained, **TINY, seed=3)
        assert code == 2
        assert err == (
            f"Error: {trained} holds another run (seed: 0, not 3). Use another workdir, or the "
            "values of that run.\n"
        )
        assert contents(trained) == before

    def test_a_workdir_with_other_files(self, launch, tmp_path):
        (tmp_path / "thesis.tex").write_text("text")
        code, _, err = launch("train", workdir=tmp_path, **TINY)
        assert code == 2
        assert err.startswith(f"Error: {tmp_path} is no workdir: ")
        assert contents(tmp_path) == {tmp_path / "thesis.tex": b"text"}

    def test_a_checkpoint_that_was_cut_off(self, launch, run_copy):
        path = run_copy / "checkpoints" / "step-2.npz"
        path.write_bytes(path.read_bytes()[:-100])
        before = contents(run_copy)
        message = (
            f"Error: All checkpoints in {path.parent} are damaged: step-2.npz. Remove this folder "
            "to train from the first update again, or use another workdir.\n"
        )
        for command in (("evaluate", {}), ("train", TINY)):
            code, _, err = launch(command[0], workdir=run_copy, **command[1])
            assert (code, err) == (2, message)
            assert contents(run_copy) == before


class TestEvaluate:
    def test_prints_and_keeps_the_report(self, launch, run_copy):
        code, out, err = launch("evaluate", workdir=run_copy)
        assert (code, err) == (None, "")
        report = json.loads(out)
        assert report == json.loads((run_copy / "report.json").read_text())
        assert report["num_images"] == 400

    def test_refuses_a_folder_without_a_run(self, launch, tmp_path):
        code, out, err = launch("evaluate", workdir=tmp_path)
        expected = f"Error: {tmp_path} holds no run: there is no {tmp_path / 'config.json'}.\n"
        assert (code, out, err) == (2, "", expected)
        assert not list(tmp_path.iterdir())

    def test_refuses_a_run_without_a_checkpoint(self, launch, run_copy):
        for path in (run_copy / "checkpoints").iterdir():
            path.unlink()
        code, out, err = launch("evaluate", workdir=run_copy)
        expected = f"Error: The run in {run_copy} has no checkpoint yet. Train it first.\n"
        assert (code, out, err) == (2, "", expected)

    def test_takes_the_best_checkpoint_where_asked(self, launch, run_copy):
        best = run_copy / "checkpoints" / "best.npz"
        (run_copy / "checkpoints" / "step-2.npz").unlink()
        code, out, err = launch("evaluate", workdir=run_copy, checkpoint="best")
        assert (code, err) == (None, "")
        assert json.loads(out)["step"] == 2
        best.unlink()
        code, out, err = launch("evaluate", workdir=run_copy, checkpoint="best")
        expected = f"Error: The run in {run_copy} has no best checkpoint yet. Train it first.\n"
        assert (code, out, err) == (2, "", expected)


class TestExport:
    def test_writes_a_model_that_answers(self, launch, trained, tmp_path):
        code, out, err = launch("export", workdir=trained, output=tmp_path / "model")
        assert (code, out, err) == (None, f"Exported to {tmp_path / 'model'}\n", "")
        best = export.ExportedModel(tmp_path / "model").predict(
            write_image(tmp_path / "image.png").read_bytes()
        )
        assert len(best) == 4

    @pytest.mark.parametrize("is_file", [True, False])
    def test_refuses_a_path_that_exists(self, launch, trained, tmp_path, is_file):
        path = tmp_path / "model"
        path.write_text("mine") if is_file else path.mkdir()
        before = contents(tmp_path)
        code, out, err = launch("export", workdir=trained, output=path)
        expected = f"Error: {path} exists; choose another output, or remove it first.\n"
        assert (code, out, err) == (2, "", expected)
        assert contents(tmp_path) == before
        assert path.is_file() == is_file


class TestPredict:
    @pytest.mark.parametrize("encode", [tf.io.encode_png, tf.io.encode_jpeg])
    def test_names_the_best_classes_with_probabilities(self, launch, exported, tmp_path, encode):
        path = write_image(tmp_path / "image", encode=encode)
        code, out, err = launch("predict", path, model=exported)
        assert (code, err) == (None, "")
        head, *lines = out.splitlines()
        assert head == str(path)
        pattern = r" +([0-9.]+)% (\w+) (disk|square), +([0-9.]+)% (disk|square)"
        answers = [re.fullmatch(pattern, line) for line in lines]
        assert {(a[2], a[3]) for a in answers} == {
            (detail, shape) for detail in ("striped", "dotted") for shape in ("disk", "square")
        }
        assert all(a[3] == a[5] for a in answers), "the coarse class is the fine one's parent"
        probabilities = [float(a[1]) for a in answers]
        assert probabilities == sorted(probabilities, reverse=True)
        assert abs(sum(probabilities) - 100) < 0.1

    def test_answers_the_good_files_and_names_the_others(self, launch, exported, tmp_path):
        good = [write_image(tmp_path / f"good{i}.png", seed=i) for i in range(2)]
        whole = good[0].read_bytes()
        bad = {
            "empty.png": (b"", "it is empty"),
            "text.txt": (b"no image", "it is no JPEG, PNG, GIF or BMP image"),
            "cut.png": (whole[: len(whole) // 2], "its PNG data is damaged or cut off"),
            "head.jpg": (b"\xff\xd8\xff\xe0", "its JPEG header is cut off"),
        }
        for name, (data, _) in bad.items():
            (tmp_path / name).write_bytes(data)
        (tmp_path / "folder").mkdir()
        before = contents(tmp_path)
        paths = [good[0], *(tmp_path / name for name in bad), tmp_path / "gone", good[1]]
        code, out, err = launch(
            "predict", "--json", *paths[:-1], tmp_path / "folder", paths[-1], model=exported
        )
        assert code == 2
        assert [json.loads(line)["path"] for line in out.splitlines()] == [str(p) for p in good]
        assert err.splitlines() == [
            *(
                f"Error: {tmp_path / name}: not a readable image: {reason}"
                for name, (_, reason) in bad.items()
            ),
            f"Error: {tmp_path / 'gone'}: No such file or directory",
            f"Error: {tmp_path / 'folder'}: Is a directory",
            "Error: 6 of 8 files could not be answered.",
        ]
        assert contents(tmp_path) == before

    def test_refuses_no_file_and_no_model(self, launch, exported, tmp_path):
        code, out, err = launch("predict", model=exported)
        message = "Error: No image was given: name one or more files after the flags.\n"
        assert (code, out, err) == (2, "", message)
        code, out, err = launch("predict", "image.png", model=tmp_path)
        assert (code, out, err) == (
            2,
            "",
            f"Error: {tmp_path} is no model exported by coarse2fine: there is no "
            "assets.extra/coarse2fine.json in it.\n",
        )

    def test_refuses_a_model_that_was_cut_off(self, launch, exported, tmp_path):
        for file, data in contents(exported).items():
            target = tmp_path / "model" / file.relative_to(exported)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data[: len(data) // 2] if file.name == "saved_model.pb" else data)
        image = write_image(tmp_path / "image.png")
        code, out, err = launch("predict", image, model=tmp_path / "model")
        assert (code, out) == (2, "")
        assert err.startswith(f"Error: Model {tmp_path / 'model'} cannot be loaded: ")


class TestCompare:
    def test_trains_every_arm_and_prints_the_table(self, launch, tmp_path):
        code, out, err = launch("compare", workdir=tmp_path, **TINY)
        assert code is None
        assert "Error" not in err
        arms = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("| ")]
        assert arms == ["arm", *experiments.ARMS]
        comparison = json.loads((tmp_path / "comparison_updates.json").read_text())
        assert [arm["steps"] for arm in comparison["arms"]] == [2, 2, 2]
        assert comparison["views"] == 1

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (
                {"labels": "fine"},
                "labels is 'fine': a comparison sets the labels of its arms.",
            ),
            (
                {"match": "epochs"},
                "match=epochs needs epochs; steps would be the same for every arm.",
            ),
            ({"backbone": "resnext"}, "Unknown backbone 'resnext'. Known: "),
            ({"experiment": "table9"}, "Unknown experiment 'table9'. Known: table1, table2, "),
            ({"only": "nin"}, "Unknown setting 'nin'. Known: your data."),
            ({"views": "10"}, "10 views are crops of image files, and the images of 'shapes/2x2' "),
            (
                {"experiment": "table1", "only": "nin"},
                "dataset is shapes/2x2, but these settings have their own: nin (cifar100). Leave "
                "dataset out, or choose other settings.",
            ),
        ],
    )
    def test_refuses_what_cannot_be_compared(self, launch, tmp_path, values, message):
        code, out, err = launch("compare", workdir=tmp_path / "new", **{**TINY, **values})
        assert (code, out) == (2, "")
        assert err.startswith(f"Error: {message}")
        assert not list(tmp_path.iterdir())
