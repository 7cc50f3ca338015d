"""The launcher of taxonomies, from flags to a file that is read back."""

import subprocess
import sys

import pytest

from coarse2fine.taxonomy import (
    IsA,
    coarse_from_synsets,
    cut_at_depth,
    cut_into,
    ilsvrc2010,
    read_taxonomy,
)

PARENTS = {
    "dog": ("animal",),
    "fish": ("animal",),
    "pug": ("dog",),
    "pom": ("dog",),
    "tench": ("fish",),
}
LEAVES = ("pug", "tench", "pom")
USAGE = (
    "Error: Give either --ilsvrc2010 alone, or --is_a and --leaves with one of --coarse, "
    "--num_coarse and --depth. Given: "
)


@pytest.fixture
def edges(tmp_path):
    path = tmp_path / "is_a.tsv"
    lines = [f"{child}\t{parent}\n" for child, above in PARENTS.items() for parent in above]
    path.write_text("child\tparent\n" + "".join(lines))
    return path


@pytest.mark.parametrize("suffix", ["csv", "json"])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"num_coarse": 2}, cut_into(IsA(PARENTS), LEAVES, 2)),
        ({"depth": 0}, cut_at_depth(IsA(PARENTS), LEAVES, 0)),
        ({"coarse": "fish,dog"}, coarse_from_synsets(IsA(PARENTS), LEAVES, ["dog", "fish"])),
    ],
)
def test_a_taxonomy_is_written_and_read_back(launch, edges, values, expected, suffix):
    path = edges.with_name(f"made.{suffix}")
    code, out, err = launch("taxonomy", is_a=edges, leaves=",".join(LEAVES), output=path, **values)
    assert (code, err) == (None, "")
    assert out.splitlines()[0] == (
        f"Coarse classes: {expected.num_coarse}. Fine classes: {expected.num_fine}."
    )
    assert out.splitlines()[-1] == f"Wrote {path}"
    assert read_taxonomy(path) == expected


def test_lists_and_names_are_read_from_files(launch, edges):
    leaves, coarse = edges.with_name("leaves.txt"), edges.with_name("coarse.txt")
    leaves.write_text("wnid\twords\npug\tMops\ntench\tSchleie\npom\tSpitz\n")
    coarse.write_text("dog\nfish\n")
    code, out, err = launch("taxonomy", is_a=edges, leaves=leaves, coarse=coarse, names=leaves)
    assert (code, err) == (None, "")
    assert out == (
        "Coarse classes: 2. Fine classes: 3.\n"
        "Fine classes of the largest coarse class, dog: 2. Of the smallest, fish: 1.\n"
    )
    path = edges.with_name("made.csv")
    launch("taxonomy", is_a=edges, leaves=leaves, coarse=coarse, names=leaves, output=path)
    assert path.read_text() == (
        "fine,coarse,source_name\nMops,dog,pug\nSchleie,fish,tench\nSpitz,dog,pom\n"
    )


def test_leaves_are_settled_as_asked_and_those_left_out_are_counted(launch, edges):
    values = {"is_a": edges, "leaves": ",".join(LEAVES), "coarse": "dog,pom"}
    code, out, _ = launch("taxonomy", **values, several="nearest", none="drop")
    assert code is None
    assert out.splitlines()[:2] == [
        "Leaves under none of the coarse synsets, left out: 1.",
        "Coarse classes: 2. Fine classes: 2.",
    ]
    path = edges.with_name("made.json")
    launch("taxonomy", **values, several="nearest", none="rest", rest_name="others", output=path)
    assert read_taxonomy(path).coarse_names == ("dog", "others", "pom")


def test_the_subset_of_ilsvrc2010_is_written(launch, data_dir, tmp_path):
    pytest.importorskip("scipy", reason="the extra imagenet is not installed")
    meta = data_dir / "hierarchy" / "ilsvrc2010_meta.mat"
    path = tmp_path / "made.csv"
    code, out, err = launch("taxonomy", ilsvrc2010=meta, output=path)
    assert (code, err) == (None, "")
    assert out.startswith("Coarse classes: 143. Fine classes: 387.\n")
    assert read_taxonomy(path) == ilsvrc2010(meta)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, f"{USAGE}none."),
        ({"leaves": "pug", "depth": 1}, f"{USAGE}--leaves, --depth."),
        (
            {"is_a": "edges", "leaves": "pug", "num_coarse": 1, "depth": 1},
            f"{USAGE}--is_a, --leaves, --num_coarse, --depth.",
        ),
        ({"ilsvrc2010": "meta.mat", "names": "n.txt"}, f"{USAGE}--ilsvrc2010, --names."),
        (
            {"is_a": "edges", "leaves": "pug", "depth": 1, "none": "drop"},
            "Error: --none does not go with --depth.",
        ),
        (
            {"is_a": "missing.tsv", "leaves": "pug", "depth": 1},
            "Error: Is-a list missing.tsv cannot be read: No such file or directory.",
        ),
        (
            {"is_a": "edges", "leaves": "pug,tench", "coarse": "dog"},
            "Error: 1 leaves lie under none of the coarse synsets: tench. Settle it with none=drop "
            "or none=rest.",
        ),
        (
            {"is_a": "edges", "leaves": "pug", "depth": 1, "output": "made.txt"},
            "Error: Taxonomy made.txt ends in '.txt', expected .json or .csv.",
        ),
    ],
)
def test_bad_flags_end_in_one_message(launch, edges, values, message):
    if values.get("is_a") == "edges":
        values = {**values, "is_a": edges}
    code, out, err = launch("taxonomy", **values)
    assert (code, out, err) == (2, "", f"{message}\n")


def test_a_file_that_exists_stays_as_it_is(launch, edges):
    path = edges.with_name("made.csv")
    path.write_text("mine")
    code, out, err = launch("taxonomy", is_a=edges, leaves="pug,pom", depth=1, output=path)
    assert (code, out) == (2, "")
    assert err == f"Error: {path} exists; choose another output, or remove it first.\n"
    assert path.read_text() == "mine"


def test_taxonomies_are_there_without_scipy_or_tensorflow():
    code = (
        "import sys, coarse2fine.taxonomy; "
        "print({'scipy', 'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
