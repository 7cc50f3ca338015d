"""The presets of Lei 2017 for ImageNet, on a handful of images, from taxonomy to table."""

import json
import pathlib
import re
import shutil

import pytest

from coarse2fine.experiments import ARMS

PRESETS = pathlib.Path(__file__).parents[2] / "launch" / "presets"
NETWORKS = ("nin", "alexnet")


@pytest.fixture(scope="module")
def images(data_dir, tmp_path_factory):
    """A folder with four training images and one test image of each class of the sample."""
    root = tmp_path_factory.mktemp("images")
    for split, count in (("train", 4), ("val", 1)):
        for folder in (data_dir / "imagenet_sample" / split).iterdir():
            (root / split / folder.name).mkdir(parents=True)
            for path in sorted(folder.iterdir())[:count]:
                shutil.copy(path, root / split / folder.name)
    return root


@pytest.fixture
def taxonomy(launch, data_dir, tmp_path):
    """Canines, fish and artifacts, by WordNet."""
    table = data_dir / "imagenet_sample" / "classes.tsv"
    wnids = [line.split("\t")[0] for line in table.read_text().splitlines()[1:]]
    path = tmp_path / "taxonomy.csv"
    code, out, _ = launch(
        "taxonomy",
        is_a=data_dir / "hierarchy" / "wordnet3.0_noun_is_a.tsv",
        leaves=",".join(wnids),
        coarse="n02083346,n02512053,n00021939",
        names=table,
        output=path,
    )
    assert code is None
    assert out.startswith("Coarse classes: 3. Fine classes: 20.\n")
    return path


@pytest.mark.parametrize("network", ["alexnet"])  # The other differs in what its flags say.
def test_a_preset_with_the_smoke_flags_fills_a_row_of_the_table(
    launch, images, taxonomy, tmp_path, network
):
    code, out, err = launch(
        "compare",
        f"--flagfile={PRESETS / f'lei2017_imagenet_{network}.flags'}",
        f"--flagfile={PRESETS / 'smoke/imagenet.flags'}",
        "--norefit",
        experiment="table4",
        only=f"{network}_imagenet/0.5+0.5",
        match="epochs",
        views=10,
        data_dir=images,
        taxonomy=taxonomy,
        image_size=40,
        shorter_side=46,
        width=0.05,
        workdir=tmp_path / "W",
    )
    assert code is None, err
    header, _, row = (
        [cell.strip() for cell in line.split("|")[1:-1]] for line in out.splitlines()[-3:]
    )
    cells = dict(zip(header, row, strict=True))
    published = {"nin": ("56.49", "66.93"), "alexnet": ("63.40", "68.73")}[network]
    assert (cells["published baseline"], cells["published oracle"]) == published
    assert cells["Ristin 2015"] == "18.46"
    for arm in ARMS:
        (folder,) = (tmp_path / "W").glob(f"*_{arm}_*")
        report = json.loads((folder / "report.json").read_text())
        assert (report["num_images"], report["views"]) == (20, 10)
        assert cells[arm] == f"{100 * report['fine_top1']:.2f}"
        counts = json.loads((folder / "data.json").read_text())["images"]
        assert counts["fine_labelled"] + counts["validation"] == 40
        assert counts["coarse_only"] == (0 if arm == "baseline" else 40)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_smoke_flags_change_how_much_is_done_and_not_what(network):
    def values(path):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        return dict(re.fullmatch(r"--(\w+)(?:=(.*))?", line).groups() for line in lines)

    preset = values(PRESETS / f"lei2017_imagenet_{network}.flags")
    smoke = values(PRESETS / "smoke/imagenet.flags")
    assert smoke.keys() - preset.keys() == {"width"}
    assert smoke.keys() & preset.keys() == {"image_size", "shorter_side", "batch_size", "epochs"}
