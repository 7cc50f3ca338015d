"""Folders of images: layouts, labels, and what is refused."""

import os
import re
import socket

import numpy as np
import pytest

from coarse2fine.data.image_folder import read_image_folder
from coarse2fine.data.load import load_source
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy

PETS = Taxonomy(("tabby", "beagle", "pug"), ("cat", "dog"), (0, 1, 1))
TREE = ("cat/tabby/1.jpg", "dog/beagle/1.PNG", "dog/beagle/2.JPEG", "dog/pug/1.gif")


@pytest.fixture
def make(tmp_path):
    """Makes files, and folders where a name ends in a slash, in the folder `images`."""
    root = tmp_path / "images"
    root.mkdir()

    def make_files(*names, content=b"x"):
        for name in names:
            path = root / name
            if name.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return root

    return make_files


def found(table):
    """For each path its split and its classes by name; `None` where there is no fine one."""
    fine, coarse = table.taxonomy.source_names, table.taxonomy.coarse_names
    assert len(table.paths) == len(table.fine) == len(table.coarse) == len(table.split)
    return {
        path: (str(split), coarse[k], fine[f] if f >= 0 else None)
        for path, split, k, f in zip(
            table.paths, table.split, table.coarse, table.fine, strict=True
        )
    }


def by_path(*paths, split=""):
    """What `found` gives of a tree whose folders are its taxonomy."""
    return {path: (split, *path.removeprefix("train/").split("/")[:2]) for path in paths}


def check_refused(message, root, *args):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        read_image_folder(root, *args)


MOVE = "Move, rename or remove them."


class TestTree:
    def test_is_the_taxonomy(self, make):
        table = read_image_folder(make(*TREE))
        assert found(table) == by_path(*TREE)
        assert table.taxonomy == Taxonomy(("tabby", "beagle", "pug"), ("cat", "dog"), (0, 1, 1))
        assert table.dropped == {}
        assert (table.fine.dtype, table.coarse.dtype) == (np.int64, np.int64)

    def test_may_be_given_as_a_text_and_through_a_link(self, make, tmp_path):
        make(*TREE)
        (tmp_path / "link").symlink_to(tmp_path / "images")
        assert found(read_image_folder(str(tmp_path / "link"))) == by_path(*TREE)

    def test_does_not_depend_on_the_order_of_making(self, make, tmp_path):
        tables = [read_image_folder(make(*TREE))]
        for path in (tmp_path / "images").rglob("*.*"):
            path.rename(tmp_path / "moved")
            (tmp_path / "moved").rename(path)
        tables.append(read_image_folder(tmp_path / "images"))
        assert list(tables[0].paths) == list(tables[1].paths) == sorted(TREE)

    def test_has_coarse_only_images_directly_in_coarse_folders(self, make):
        table = read_image_folder(make(*TREE, "dog/3.bmp", "cat/4.jpg"))
        assert found(table) == {
            **by_path(*TREE),
            "dog/3.bmp": ("", "dog", None),
            "cat/4.jpg": ("", "cat", None),
        }

    def test_has_a_class_for_each_fine_folder_also_without_images(self, make):
        table = read_image_folder(make(*TREE, "dog/akita/", "dog/3.jpg"))
        assert table.taxonomy.children == ((0,), (1, 2, 3))
        assert table.taxonomy.fine_names == ("tabby", "akita", "beagle", "pug")

    @pytest.mark.parametrize("test", ["test", "val", "validation"])
    def test_has_splits(self, make, test):
        names = [
            *(f"train/{name}" for name in TREE),
            f"{test}/cat/tabby/1.jpg",
            f"{test}/dog/7.jpg",
        ]
        table = read_image_folder(make(*names))
        assert found(table) == {
            **by_path(*names[:-2], split="train"),
            f"{test}/cat/tabby/1.jpg": ("test", "cat", "tabby"),
            f"{test}/dog/7.jpg": ("test", "dog", None),
        }
        assert list(table.split) in (["train"] * 4 + ["test"] * 2, ["test"] * 2 + ["train"] * 4)

    def test_may_name_the_coarse_classes_of_a_flat_split(self, make):
        names = [*(f"train/{name}" for name in TREE), "test/pug/1.jpg", "test/cat/1.jpg"]
        table = found(read_image_folder(make(*names)))
        assert table["test/pug/1.jpg"] == ("test", "dog", "pug")
        assert table["test/cat/1.jpg"] == ("test", "cat", None)

    def test_passes_over_hidden_files_and_files_beside_the_folders(self, make):
        beside = (
            "README",
            "classes.tsv",
            ".DS_Store",
            "cat/.DS_Store",
            "dog/pug/.1.jpg",
            ".x/1.jpg",
        )
        assert found(read_image_folder(make(*TREE, *beside))) == by_path(*TREE)

    def test_takes_any_name(self, make):
        names = (
            "b 'ig' \"cats\"/\u732b \u00e9/a b.jpg",
            "b 'ig' \"cats\"/two\nlines/;,.jpg",
            "c/=1/-.jpg",
        )
        table = read_image_folder(make(*names))
        assert found(table) == by_path(*names)

    def test_follows_links_within_it(self, make):
        root = make(*TREE)
        (root / "cat/tabby/link.jpg").symlink_to(root / "cat/tabby/1.jpg")
        (root / "dog/husky").symlink_to("../cat/tabby")
        table = found(read_image_folder(root))
        assert table["cat/tabby/link.jpg"] == ("", "cat", "tabby")
        assert table["dog/husky/1.jpg"] == ("", "dog", "husky")


class TestGivenTaxonomy:
    def test_labels_a_flat_folder_by_source_names(self, make):
        names = ("n01/1.jpg", "n02/1.jpg", "n03/1.jpg", "dog/1.jpg")
        taxonomy = Taxonomy(PETS.fine_names, PETS.coarse_names, PETS.parent, ("n02", "n03", "n01"))
        table = read_image_folder(make(*names), taxonomy)
        assert table.taxonomy is taxonomy
        np.testing.assert_array_equal(
            table.paths, ["dog/1.jpg", "n01/1.jpg", "n02/1.jpg", "n03/1.jpg"]
        )
        np.testing.assert_array_equal(table.fine, [-1, 2, 0, 1])
        np.testing.assert_array_equal(table.coarse, [1, 1, 0, 1])

    def test_groups_the_classes_of_a_tree_anew(self, make):
        sizes = Taxonomy(("pug", "tabby", "beagle"), ("small", "large"), (0, 0, 1))
        table = read_image_folder(make(*TREE, "dog/3.jpg", "dog/4.jpg"), sizes)
        assert found(table) == {
            "cat/tabby/1.jpg": ("", "small", "tabby"),
            "dog/beagle/1.PNG": ("", "large", "beagle"),
            "dog/beagle/2.JPEG": ("", "large", "beagle"),
            "dog/pug/1.gif": ("", "small", "pug"),
        }
        assert table.dropped == {"": {"dog": 2}}

    def test_leaves_out_what_it_does_not_name_and_counts_it(self, make):
        names = ["fish/eel/1.jpg", "fish/eel/2.jpg", "fish/3.jpg", "dog/akita/1.jpg", "fish/carp/"]
        table = read_image_folder(make(*TREE, *names), PETS)
        assert found(table) == by_path(*TREE)
        assert table.dropped == {"": {"fish/eel": 2, "fish": 1, "dog/akita": 1}}

    def test_counts_what_is_left_out_split_by_split(self, make):
        names = [f"{split}/{name}" for split in ("train", "test") for name in TREE]
        root = make(*names, "train/fish/eel/1.jpg", "train/fish/eel/2.jpg", "test/fish/eel/3.jpg")
        table = read_image_folder(root, PETS)
        assert table.dropped == {"train": {"fish/eel": 2}, "test": {"fish/eel": 1}}
        for split, count in (("train", 2), ("test", 1)):
            source = load_source("folder", split, str(root), PETS, image_size=8)
            assert source.dropped == {"fish/eel": count}

    def test_may_move_classes_between_coarse_ones_of_the_same_names(self, make):
        moved = Taxonomy(PETS.fine_names, PETS.coarse_names, (1, 1, 0))
        table = found(read_image_folder(make(*TREE), moved))
        assert table["cat/tabby/1.jpg"] == ("", "dog", "tabby")
        assert table["dog/pug/1.gif"] == ("", "cat", "pug")

    def test_may_not_where_images_have_but_the_old_coarse_class(self, make):
        moved = Taxonomy(PETS.fine_names, PETS.coarse_names, (0, 1, 0))
        root = make(*TREE, "cat/7.jpg")
        message = (
            f"{root}: coarse folders with images without fine label, but another meaning in the "
            "taxonomy (1): 'cat' ('pug' lies in 'dog', and is under 'cat' in the taxonomy). Name "
            "the taxonomy's coarse classes otherwise, or take those images out."
        )
        check_refused(message, root, moved)

    def test_needs_a_folder_of_each_fine_class(self, make):
        root = make("cat/tabby/1.jpg", "dog/pug/")
        message = (
            f"{root}: classes of the taxonomy without a folder (1): 'beagle'. Name the folders as "
            "the taxonomy's source names, or take the classes out of it."
        )
        check_refused(message, root, PETS)
        make("dog/beagle/")
        assert found(read_image_folder(root, PETS)) == by_path("cat/tabby/1.jpg")

    def test_needs_an_image_of_its_classes(self, make):
        root = make("fish/eel/1.jpg", "cat/tabby/", "dog/pug/", "dog/beagle/")
        check_refused(f"{root} holds no images of the taxonomy's classes.", root, PETS)

    def test_may_name_a_fine_class_only_once_in_the_tree(self, make):
        root = make(*TREE, "wolf/pug/1.jpg", "wolf/grey/1.jpg", "dog/grey/1.jpg")
        advice = "Rename the folders, so that each fine class has a name of its own."
        what = f"{root}: fine classes that lie in several coarse folders"
        check_refused(f"{what} (1): 'pug' in 'dog' and 'wolf'. {advice}", root, PETS)
        both = "'grey' in 'dog' and 'wolf'; 'pug' in 'dog' and 'wolf'"
        check_refused(f"{what} (2): {both}. {advice}", root)


class TestRefused:
    def test_a_folder_that_is_missing_or_a_file(self, make, tmp_path):
        gone, file = tmp_path / "gone", make("cat") / "cat"
        check_refused(f"{gone} cannot be read: No such file or directory.", gone)
        check_refused(f"{file} cannot be read: Not a directory.", file)

    def test_one_that_may_not_be_read(self, make, monkeypatch):
        root = make(*TREE)
        scandir = os.scandir

        def forbidding(path):
            if str(path).endswith("dog"):
                raise PermissionError(13, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", forbidding)
        check_refused(f"{root}/dog cannot be read: Permission denied.", root)

    def test_one_without_images(self, make):
        root = make("cat/tabby/")
        message = (
            f"{root} holds no images. Expected train/COARSE/FINE/*.jpg and test/COARSE/FINE/*.jpg "
            "in it, or COARSE/FINE/*.jpg without splits."
        )
        check_refused(message, root)

    @pytest.mark.parametrize(
        ("names", "what"),
        [
            (["dog/pug/notes.txt"], "files that are no images by their names"),
            (["dog/list"], "files that are no images by their names"),
            (["1.jpg"], "images that do not lie in coarse/fine or fine folders"),
            (["dog/pug/old/1.jpg"], "folders in those of fine classes"),
        ],
    )
    def test_what_lies_where_it_should_not(self, make, names, what):
        root = make(*TREE, *names)
        path = names[0].removesuffix("/1.jpg")
        check_refused(f"{root}: {what} (1): {path}. {MOVE}", root)

    def test_images_beside_the_folders_of_splits(self, make):
        root = make("train/dog/pug/1.jpg", "1.jpg", "train/2.jpg")
        what = "images that do not lie in coarse/fine or fine folders"
        check_refused(f"{root}: {what} (2): 1.jpg; train/2.jpg. {MOVE}", root)

    def test_empty_files_unless_sizes_are_not_checked(self, make):
        root = make(*TREE)
        make("dog/pug/0.jpg", "dog/1\n.jpg", content=b"")
        check_refused(
            f"{root}: empty files (2): {'dog/1' + chr(10) + '.jpg'!r}; dog/pug/0.jpg. {MOVE}", root
        )
        assert len(read_image_folder(root, None, False).paths) == 6

    def test_more_than_ten_are_counted(self, make):
        root = make(*TREE, *(f"cat/{i:03}.txt" for i in range(250)))
        listed = "; ".join(f"cat/{i:03}.txt" for i in range(10))
        what = "files that are no images by their names"
        check_refused(f"{root}: {what} (250): {listed}; and 240 more. {MOVE}", root)

    def test_links_that_lead_out_or_nowhere(self, make, tmp_path):
        root = make(*TREE)
        (tmp_path / "images2").mkdir()  # Its path starts with the root's.
        (tmp_path / "images2/1.jpg").write_bytes(b"x")
        (root / "dog/pug/2.jpg").symlink_to(tmp_path / "images2/1.jpg")
        (root / "dog/husky").symlink_to(tmp_path / "images2")
        (root / "dog/pug/3.jpg").symlink_to("gone.jpg")
        what = "links that lead out of the folder or nowhere"
        listed = "dog/husky; dog/pug/2.jpg; dog/pug/3.jpg"
        check_refused(f"{root}: {what} (3): {listed}. {MOVE}", root)

    def test_a_split_that_is_a_link_out(self, make, tmp_path):
        root = make("train/dog/pug/1.jpg")
        (tmp_path / "elsewhere").mkdir()
        (root / "test").symlink_to(tmp_path / "elsewhere")
        what = "links that lead out of the folder or nowhere"
        check_refused(f"{root}: {what} (1): test. {MOVE}", root)

    def test_links_in_a_circle(self, make):
        root = make(*TREE)
        (root / "dog/round.jpg").symlink_to("round.jpg")
        what = "links that lead out of the folder or nowhere"
        check_refused(f"{root}: {what} (1): dog/round.jpg. {MOVE}", root)
        (root / "dog/round.jpg").unlink()
        (root / "dog/pug/round").symlink_to(root)
        check_refused(f"{root}: folders in those of fine classes (1): dog/pug/round. {MOVE}", root)

    def test_names_that_are_no_utf8(self, make):
        root = make(*TREE)
        (root / os.fsdecode(b"dog/\xff")).mkdir()
        check_refused(rf"{root}: names that are no UTF-8 (1): 'dog/\udcff'. {MOVE}", root)

    def test_images_that_are_no_files(self, make, monkeypatch):
        root = make(*TREE)
        os.mkfifo(root / "dog/pug/pipe.jpg")
        with socket.socket(socket.AF_UNIX) as server:
            monkeypatch.chdir(root / "dog/pug")
            server.bind("socket.jpg")
        listed = "dog/pug/pipe.jpg; dog/pug/socket.jpg"
        check_refused(f"{root}: images that are no regular files (2): {listed}. {MOVE}", root)

    def test_one_level_without_a_taxonomy(self, make):
        root = make("tabby/1.jpg", "beagle/1.jpg")
        message = (
            f"{root} has one level of classes: give a taxonomy that says which coarse class each "
            "belongs to, or sort the folders into coarse/fine."
        )
        check_refused(message, root)

    def test_coarse_folders_without_a_fine_one(self, make):
        root = make(*TREE, "fish/1.jpg", "bird/")
        message = (
            f"{root}: coarse folders without a fine one (2): 'bird'; 'fish'. Make folders of fine "
            "classes in them, if without images, or remove them."
        )
        check_refused(message, root)

    def test_other_folders_beside_those_of_splits(self, make):
        root = make("train/1.jpg", "bus/1.jpg", "tank/1.jpg", ".git/x")
        message = (
            f"{root}: other folders beside the splits train (2): bus; tank. Move them into those, "
            "or, if train is a class, all of them into train."
        )
        check_refused(message, root)

    def test_a_name_that_no_folder_can_have(self):
        check_refused(r"Folder 'a\x00b': no file can have this name.", "a\0b")

    def test_two_folders_of_test_images(self, make):
        root = make("train/dog/pug/1.jpg", "test/dog/pug/1.jpg", "val/dog/pug/1.jpg")
        message = (
            f"{root} holds test and val, expected one folder of test images. Move the others out "
            "of it."
        )
        check_refused(message, root)


def test_reads_a_folder_of_photographs(data_dir):
    root = data_dir / "imagenet_sample"
    if not root.is_dir():
        pytest.skip("the folder of real data has no imagenet_sample")
    wnids = sorted(path.name for path in (root / "train").iterdir())
    taxonomy = Taxonomy(wnids, ("first", "second"), [i % 2 for i in range(len(wnids))])
    table = read_image_folder(root, taxonomy)
    for split, name, each in (("train", "train", 40), ("test", "val", 15)):
        fine = table.fine[table.split == split]
        np.testing.assert_array_equal(np.bincount(fine), [each] * len(wnids))
        for path, f in zip(table.paths[table.split == split], fine, strict=True):
            assert path.startswith(f"{name}/{wnids[f]}/")
