"""Tables of image files: rows, labels, and what is refused, by line."""

import re

import numpy as np
import pytest

from coarse2fine.data.image_table import read_image_table
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy

PETS = Taxonomy(("tabby", "beagle", "pug"), ("cat", "dog"), (0, 1, 1))
ROWS = "1.jpg,cat,tabby\n2.jpg,dog,pug\n3.jpg,dog,\n"


@pytest.fixture
def write(tmp_path):
    """Writes a table, text or bytes, beside six images, 1.jpg to 6.jpg."""
    for i in range(1, 7):
        (tmp_path / f"{i}.jpg").write_bytes(b"x")

    def write_table(content, header="path,coarse,fine\n"):
        path = tmp_path / "images.csv"
        path.write_bytes(content if isinstance(content, bytes) else (header + content).encode())
        return path

    return write_table


def found(table):
    """For each path its classes by name, `None` where there is no fine one."""
    fine, coarse = table.taxonomy.source_names, table.taxonomy.coarse_names
    assert len(table.paths) == len(table.fine) == len(table.coarse) == len(table.split)
    return {
        path: (coarse[k], fine[f] if f >= 0 else None)
        for path, k, f in zip(table.paths, table.coarse, table.fine, strict=True)
    }


def check_refused(message, path, *args):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        read_image_table(path, *args)


def bad(path, *problems, count=None, advice="Mend these lines."):
    count = len(problems) if count is None else count
    return f"{path}: rows that cannot be used ({count:,}): {'; '.join(problems)}. {advice}"


FOUND = {"1.jpg": ("cat", "tabby"), "2.jpg": ("dog", "pug"), "3.jpg": ("dog", None)}


class TestRows:
    def test_are_the_taxonomy(self, write):
        table = read_image_table(write(ROWS + "4.jpg,dog,beagle\n"))
        assert found(table) == {**FOUND, "4.jpg": ("dog", "beagle")}
        assert table.taxonomy == PETS
        assert list(table.split) == [""] * 4
        assert table.dropped == {}
        assert (table.fine.dtype, table.coarse.dtype) == (np.int64, np.int64)

    def test_have_the_labels_of_a_given_taxonomy(self, write):
        taxonomy = Taxonomy(("t", "b", "p"), ("cat", "dog"), (0, 1, 1), ("tabby", "beagle", "pug"))
        table = read_image_table(write(ROWS + "4.jpg,,beagle\n"), taxonomy)
        assert table.taxonomy is taxonomy
        np.testing.assert_array_equal(table.fine, [0, 2, -1, 1])
        np.testing.assert_array_equal(table.coarse, [0, 1, 1, 1])

    def test_have_columns_in_any_order_and_splits(self, write):
        table = read_image_table(
            write("tabby,train,1.jpg,cat\n,test,2.jpg,cat\n", "fine,split,path,coarse\n")
        )
        assert found(table) == {"1.jpg": ("cat", "tabby"), "2.jpg": ("cat", None)}
        assert list(table.split) == ["train", "test"]

    @pytest.mark.parametrize(
        "change",
        [
            lambda text: "\ufeff" + text,
            lambda text: text.replace("\n", "\r\n"),
            lambda text: text.replace("\n", "\n\n"),
            lambda text: text.rstrip("\n"),
            lambda text: text.replace(",", " , ").replace(" , ", ", ").replace("jpg, ", "jpg,"),
            lambda text: re.sub(r"(\w+\.jpg|cat|dog)", r'"\1"', text),
        ],
        ids=["byte order mark", "CRLF", "empty lines", "no last line break", "spaces", "quotes"],
    )
    def test_may_be_written_in_many_ways(self, write, change):
        assert found(read_image_table(write(change("path,coarse,fine\n" + ROWS), ""))) == FOUND

    def test_take_any_name(self, write, tmp_path):
        names = ["a b.jpg", " , ;.jpg", 'say "cheese".jpg', "two\nlines.jpg", "\u732b \u00e9.JPEG"]
        for name in names:
            (tmp_path / name).write_bytes(b"x")
        quoted = ['"{}"'.format(name.replace('"', '""')) for name in names]
        table = read_image_table(write("".join(f'{name},"a,\nb",\u732b\n' for name in quoted)))
        assert found(table) == {name: ("a,\nb", "\u732b") for name in names}

    def test_name_files_in_folders_or_by_absolute_paths(self, write, tmp_path):
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub/7.png").write_bytes(b"x")
        path = tmp_path / "1.jpg"
        table = read_image_table(write(f"sub/7.png,cat,tabby\n{path},cat,\n"))
        assert found(table) == {"sub/7.png": ("cat", "tabby"), str(path): ("cat", None)}

    def test_may_all_be_coarse_only_where_a_taxonomy_is_given(self, write):
        table = read_image_table(write("1.jpg,cat,\n2.jpg,dog,\n"), PETS)
        np.testing.assert_array_equal(table.fine, [-1, -1])
        np.testing.assert_array_equal(table.coarse, [0, 1])


class TestRefusedTables:
    def test_that_are_missing(self, tmp_path):
        check_refused(
            f"{tmp_path}/none.csv cannot be read: No such file or directory.", tmp_path / "none.csv"
        )
        check_refused(f"{tmp_path} cannot be read: Is a directory.", tmp_path)
        check_refused(r"Table 'a\x00.csv': no file can have this name.", "a\0.csv")

    @pytest.mark.parametrize(
        "header",
        ["path,coarse", "path;coarse;fine", "path,coarse,fine,note", "path,fine,coarse,fine", ""],
    )
    def test_of_other_columns(self, write, header):
        path = write(ROWS, header + "\n" if header else "")
        shown = header or "1.jpg,cat,tabby"
        message = (
            f"{path}, line 1: the columns are {shown!r}, expected path, coarse and fine, and "
            "perhaps split, separated by commas."
        )
        check_refused(message, path)

    def test_without_rows(self, write):
        path = write("\n")
        check_refused(f"{path} has no rows below path,coarse,fine.", path)
        path = write(b"")
        message = (
            f"{path}, line 1: the columns are '', expected path, coarse and fine, and perhaps "
            "split, separated by commas."
        )
        check_refused(message, path)

    @pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
    def test_that_are_no_utf8(self, write, encoding):
        path = write(("path,coarse,fine\n" + ROWS + "4.jpg,\u00e9,\n").encode(encoding))
        check_refused(f"{path} is not UTF-8 text. Save it as UTF-8.", path)

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ('4.jpg,"cat"s,tabby\n', "',' expected after '\"'"),
            ('4.jpg,"cat,tabby\n5.jpg,cat,tabby\n', "unexpected end of data"),
            (f"4.jpg,{'c' * 200_000},tabby\n", "field larger than field limit (131072)"),
        ],
    )
    def test_whose_quotes_are_wrong(self, write, row, reason):
        path = write(ROWS + '"5.jpg",dog,"two\nlines"\n' + row)
        message = (
            f"{path}, line 7: {reason}. Values that hold a comma, a quote or a line break stand in "
            "double quotes; a quote in them is doubled."
        )
        check_refused(message, path)

    def test_without_a_fine_class(self, write):
        path = write("1.jpg,cat,\n")
        message = f"{path} has no fine class: give a taxonomy, or label some rows finely."
        check_refused(message, path)


class TestRefusedRows:
    def test_of_another_length(self, write):
        path = write(ROWS + "4.jpg,cat\n5.jpg,cat,a,b\n")
        advice = "Expected 3: path,coarse,fine. Values that hold a comma stand in double quotes."
        check_refused(bad(path, "line 5: 2 values", "line 6: 4 values", advice=advice), path)

    def test_of_files_that_cannot_be_images(self, write, tmp_path):
        (tmp_path / "empty.jpg").write_bytes(b"")
        (tmp_path / "folder.jpg").mkdir()
        names = ("gone.jpg", "empty.jpg", "folder.jpg", "images.csv", "", " 4.jpg", "nul\0.jpg")
        path = write(ROWS + "".join(f"{name},cat,tabby\n" for name in names))
        no_image = "is no image by its name (.jpg, .jpeg, .png, .gif, .bmp)"
        problems = [
            "line 5: 'gone.jpg' cannot be read: No such file or directory",
            "line 6: 'empty.jpg' is empty",
            "line 7: 'folder.jpg' is no regular file",
            f"line 8: 'images.csv' {no_image}",
            f"line 9: '' {no_image}",
            "line 10: ' 4.jpg' cannot be read: No such file or directory",
            r"line 11: 'nul\x00.jpg' cannot be read: embedded null byte",
        ]
        check_refused(bad(path, *problems), path)
        del problems[1]
        check_refused(bad(path, *problems), path, None, False)

    def test_of_one_file_with_two_labels_or_twice(self, write, tmp_path):
        path = write(ROWS + f"1.jpg,dog,pug\n./1.jpg,cat,tabby\n{tmp_path}/3.jpg,cat,\n")
        problems = [
            "line 5: '1.jpg' is 'pug' here and 'tabby' in line 2",
            "line 6: './1.jpg' is here and in line 2",
            f"line 7: '{tmp_path}/3.jpg' is 'cat' here and 'dog' in line 4",
        ]
        check_refused(bad(path, *problems), path)

    @pytest.mark.parametrize("others", ["train", "test"])
    def test_of_splits_that_are_unknown_or_missing(self, write, others):
        header = "path,coarse,fine,split\n"
        rows = f"1.jpg,cat,tabby,{others}\n2.jpg,cat,tabby,\n3.jpg,cat,tabby,val\n"
        path = write(rows, header)
        problems = [
            "line 3: split is '', expected train or test",
            "line 4: split is 'val', expected train or test",
        ]
        check_refused(bad(path, *problems), path)

    def test_of_unknown_or_contradicting_classes(self, write):
        path = write(ROWS + "4.jpg,dog,poodle\n5.jpg,bird,\n6.jpg,cat,pug\n")
        problems = [
            "line 5: unknown fine class 'poodle'",
            "line 6: unknown coarse class 'bird'",
            "line 7: fine class 'pug' is under 'dog', not 'cat'",
        ]
        advice = "Mend these lines, or the taxonomy."
        check_refused(bad(path, *problems, advice=advice), path, PETS)

    def test_without_a_class(self, write):
        path = write(ROWS + "4.jpg,,\n")
        problem = "line 5: neither a fine nor a coarse class"
        check_refused(bad(path, problem), path)
        advice = "Mend these lines, or the taxonomy."
        check_refused(bad(path, problem, advice=advice), path, PETS)

    def test_that_are_no_taxonomy(self, write):
        path = write(ROWS + "4.jpg,cat,pug\n5.jpg,,tabby\n6.jpg,bird,\n")
        problems = [
            "line 5: fine class 'pug' is under 'cat', but under 'dog' in line 3",
            "line 6: fine class 'tabby' has no coarse class",
            "line 7: coarse class 'bird' has no fine class in any line",
        ]
        check_refused(bad(path, *problems), path)

    def test_are_counted_and_the_first_ten_named(self, write):
        path = write("".join(f"{i}.jpg,cat,tabby\n" for i in range(7, 20_007)))
        problems = [
            f"line {i - 5}: '{i}.jpg' cannot be read: No such file or directory"
            for i in range(7, 17)
        ]
        check_refused(bad(path, *problems, "and 19,990 more", count=20_000), path)

    def test_are_named_by_the_line_they_start_in(self, write):
        path = write('1.jpg,"a\n\nb",x\n\n\n2.jpg,"c\nd","x"\n')
        message = bad(path, r"line 7: fine class 'x' is under 'c\nd', but under 'a\n\nb' in line 2")
        check_refused(message, path)
