"""Images in place of those that cannot be decoded: which they are, and the list of them."""

import json
import random
import re

import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data import EncodedSource
from coarse2fine.data.views import CenterCrop
from coarse2fine.errors import InputError
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training import Config, bad_images
from coarse2fine.training.bad_images import BadImages
from coarse2fine.training.plan import make_plan

TAXONOMY = Taxonomy(("a", "b", "c"), ("x", "y"), (0, 0, 1))
EACH = 12
SOUND = tf.io.encode_png(np.zeros((8, 8, 3), np.uint8)).numpy()
CONFIG = Config(dataset="folder", steps=1, batch_size=6, schedule="cosine", validation_fraction=0.2)


class MemorySource(EncodedSource):
    """Equal images, of which these cannot be decoded."""

    def __init__(self, bad=()):
        fine = np.repeat(np.arange(3), EACH)
        ids = [f"image {i}" for i in range(len(fine))]
        super().__init__(TAXONOMY, fine, ids, CenterCrop(8, 8))
        self.bad = set(bad)

    def encoded(self, index):
        return b"" if index in self.bad else SOUND


def replacements(path, bad, asked=None):
    """What replaces each bad image, asked for in this order."""
    source = MemorySource(bad)
    replace = BadImages(source, make_plan(source, CONFIG), path / "bad.jsonl")
    return {index: replace(index, "it is empty") for index in (bad if asked is None else asked)}


def test_an_image_is_replaced_by_a_sound_one_of_its_class_and_part(tmp_path):
    bad = list(range(0, 3 * EACH, 2))
    partition = make_plan(MemorySource(), CONFIG).partition
    part_of = {i: name for name, part in vars(partition).items() for i in part.tolist()}
    # Some parts may hold bad images of a class alone: those have none.
    sound = {(i // EACH, part_of[i]) for i in range(1, 3 * EACH, 2)}
    asked = [i for i in bad if (i // EACH, part_of[i]) in sound]
    assert len(asked) > 10
    for index, other in replacements(tmp_path, bad, asked).items():
        assert other not in bad
        assert (other // EACH, part_of[other]) == (index // EACH, part_of[index])


@pytest.mark.parametrize("seed", range(5))
def test_the_choice_does_not_depend_on_what_was_found_before(tmp_path, seed):
    part = make_plan(MemorySource(), CONFIG).partition.coarse_only
    bad = [i for i in part.tolist() if i < EACH][:4]  # Of class a, which has 6 in this part.
    random.Random(seed).shuffle(bad)
    together = replacements(tmp_path, bad)
    assert len(together) == 4
    for index in bad:
        (tmp_path / str(index)).mkdir()
        assert replacements(tmp_path / str(index), bad, [index])[index] == together[index]


def test_bad_images_are_not_all_replaced_by_one(tmp_path):
    source = MemorySource()
    own = source.ids[make_plan(source, CONFIG).partition.fine_labelled]
    bad = [int(i.split()[1]) for i in own][::2]
    assert len(set(replacements(tmp_path, bad).values())) > 3


def test_a_run_that_goes_on_keeps_what_is_listed(tmp_path):
    first, second = replacements(tmp_path, [3, 4], [4]), replacements(tmp_path, [3, 4], [3])
    replacements(tmp_path, [3, 4], [])  # Which puts them in order.
    lines = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert lines == [
        {"image": f"image {i}", "reason": "it is empty", "replaced_by": f"image {other}"}
        for i, other in ((3, second[3]), (4, first[4]))
    ]
    before = (tmp_path / "bad.jsonl").read_bytes()
    replacements(tmp_path, [3, 4])
    assert (tmp_path / "bad.jsonl").read_bytes() == before


def test_a_new_line_is_written_behind_what_is_there_and_one_that_is_listed_not_again(
    tmp_path, monkeypatch
):
    written = []
    append = bad_images.append_text
    monkeypatch.setattr(bad_images, "write_text", lambda *given: pytest.fail("all is rewritten"))
    monkeypatch.setattr(
        bad_images, "append_text", lambda path, text: written.append(text) or append(path, text)
    )
    replacements(tmp_path, [3, 4, 5, 6], [3, 4])
    replacements(tmp_path, [3, 4, 5, 6], [4, 3, 5, 6])
    assert [json.loads(line)["image"] for line in written] == [f"image {i}" for i in (3, 4, 5, 6)]
    assert (tmp_path / "bad.jsonl").read_text() == "".join(written)


def test_a_line_that_was_cut_off_is_written_again(tmp_path):
    replacements(tmp_path, [3, 4])
    whole = (tmp_path / "bad.jsonl").read_text()
    (tmp_path / "bad.jsonl").write_text(whole[:-9])
    replacements(tmp_path, [3, 4])
    assert (tmp_path / "bad.jsonl").read_text() == whole


@pytest.mark.parametrize("text", [b'{"image": "a"\n', b"[]\n", b'{"reason": "a"}\n', b"\xff\n"])
def test_a_damaged_list_is_refused(tmp_path, text):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(text)
    message = f"{path} is damaged: expected JSON lines that each name an image. Remove it."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        replacements(tmp_path, [])


def test_where_no_image_of_a_class_can_be_decoded_that_is_said(tmp_path):
    message = (
        "image 5 cannot be decoded, and no other image of its class and part can. Replace or "
        "remove these images."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        replacements(tmp_path, range(EACH), [5])
    assert not list(tmp_path.iterdir())
