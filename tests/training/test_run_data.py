"""What a run's data become on the way from its config to its folder."""

import re

import numpy as np
import pytest

from coarse2fine.data import load_source, noisy_labels
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy, load_taxonomy
from coarse2fine.training import Config, load_run, load_split, train
from coarse2fine.training.plan import make_plan

CSV = (
    "fine,coarse,source_name\n"
    "stripes,box,striped square\n"
    "dots,box,dotted square\n"
    "round stripes,disk,striped disk\n"
)
TINY = {
    "dataset": "shapes/2x2",
    "width": 0.05,
    "steps": 2,
    "batch_size": 64,
    "preprocess": "standardize",
    "schedule": "cosine",
}


@pytest.fixture
def taxonomy_file(tmp_path):
    path = tmp_path / "shapes.csv"
    path.write_text(CSV)
    return str(path)


def test_a_taxonomy_file_regroups_renames_and_drops(taxonomy_file, tmp_path):
    run = train(Config(**TINY, taxonomy=taxonomy_file), tmp_path / "run")
    expected = Taxonomy(
        ("stripes", "dots", "round stripes"),
        ("box", "disk"),
        (0, 0, 1),
        ("striped square", "dotted square", "striped disk"),
    )
    assert run.taxonomy == load_run(tmp_path / "run").taxonomy == expected
    data = run.workdir.read_data()
    assert data["dropped"] == {"dotted disk": 200}
    assert sum(data["images"].values()) == 600
    # The test set is read by the taxonomy that the run wrote down.
    test = load_split(run.config, "test", run.workdir.read_taxonomy())
    np.testing.assert_array_equal(np.bincount(test.fine), [100] * 3)
    assert test.dropped == {"dotted disk": 100}


def test_a_taxonomy_may_be_a_task():
    # Its classes are not those of shapes: that it was found is seen in what the error names.
    with pytest.raises(InputError, match=r"it names airplane, .* the set's labels are striped"):
        load_split(Config(**TINY, taxonomy="cifar10_row3"), "train")


def test_a_source_of_another_taxonomy_than_the_configs_is_refused(taxonomy_file, tmp_path):
    source, config = load_source("shapes/2x2", "train"), Config(**TINY, taxonomy=taxonomy_file)
    expected = load_taxonomy(taxonomy_file)
    message = (
        f"The source given beside taxonomy {taxonomy_file!r} was made with another taxonomy: its "
        f"fingerprint is {source.taxonomy.fingerprint[:12]}, expected "
        f"{expected.fingerprint[:12]} (3 fine and 2 coarse classes). Use the taxonomy that it was "
        "made with."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        train(config, tmp_path / "run", source=source)
    assert not (tmp_path / "run").exists()
    given = train(config, tmp_path / "run", source=load_split(config, "train"))
    assert given.taxonomy == expected


def test_noise_is_in_the_training_labels_and_noted(tmp_path):
    config = Config(**TINY, fine_label_noise=0.5, data_fraction=0.5, seed=3)
    run = train(config, tmp_path / "run")
    source = load_source("shapes/2x2", "train", seed=3)
    plan = make_plan(source, run.config)
    noisy = noisy_labels(source.fine, source.ids, source.taxonomy, 0.5, 3)
    expected = int((noisy != source.fine)[plan.fine_labelled].sum())
    data = run.workdir.read_data()
    assert 0 < data["fine_labels_changed"] == expected
    assert data["images"] == {"fine_labelled": 180, "coarse_only": 200, "validation": 20}
    test = load_split(config, "test")
    np.testing.assert_array_equal(test.fine, load_source("shapes/2x2", "test", seed=3).fine)
    train(config, tmp_path / "run")  # The folder is still this run's.


def test_a_replayed_run_has_the_noise_of_its_search(tmp_path):
    values = {"schedule": "plateau", "refit": True, "fine_label_noise": 0.5}
    run = train(Config(**TINY | values), tmp_path / "run")
    changed = run.workdir.read_data()["fine_labels_changed"]
    searched = load_run(tmp_path / "run" / "search").workdir.read_data()["fine_labels_changed"]
    # The search keeps a tenth of the fine-labelled images for validation.
    assert 0.8 * changed < searched <= changed
