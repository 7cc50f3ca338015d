"""Which images stand for a coarse class."""

import collections

import numpy as np
import pytest

from coarse2fine.data import ArraySource
from coarse2fine.data.samples import draw_samples
from coarse2fine.taxonomy import Taxonomy

# Class k of 15 has k % 5 + 1 fine classes.
PARENT = tuple(k for k in range(15) for _ in range(k % 5 + 1))
TAXONOMY = Taxonomy(
    tuple(f"fine {f}" for f in range(len(PARENT))), tuple(f"coarse {k}" for k in range(15)), PARENT
)


def make_source(fine, coarse=None):
    """Image i's pixels are i."""
    images = np.arange(len(fine), dtype=np.uint8)[:, None, None, None]
    return ArraySource(images, TAXONOMY, np.array(fine), coarse=coarse)


def numbers(samples):
    return [int(sample.image[0, 0, 0]) for sample in samples]


@pytest.mark.parametrize("seed", range(5))
def test_fine_classes_take_turns_and_stand_in_order(seed):
    fine = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(PARENT)), 5))
    source = make_source(fine)
    for of_class in draw_samples(source, num_classes=15, num_each=8, seed=seed):
        coarse = TAXONOMY.coarse_names.index(of_class.coarse_name)
        chosen = source.fine[numbers(of_class.samples)]
        assert set(source.coarse[numbers(of_class.samples)]) == {coarse}
        assert [TAXONOMY.fine_names[f] for f in chosen] == [s.fine_name for s in of_class.samples]
        assert chosen.tolist() == sorted(chosen)
        assert len(set(numbers(of_class.samples))) == min(8, 5 * len(TAXONOMY.children[coarse]))
        counts = collections.Counter(chosen.tolist())
        assert set(counts) == set(TAXONOMY.children[coarse])
        assert len(chosen) < 8 or max(counts.values()) - min(counts.values()) <= 1


def test_an_image_without_a_fine_label_is_among_them_and_comes_last():
    # The last coarse class has 5 fine classes.
    fine = np.array([f for f, k in enumerate(PARENT) if k == 14] * 3 + [-1] * 3)
    source = make_source(fine, np.full(len(fine), 14))
    for seed in range(10):
        ((name, samples),) = ((c.coarse_name, c.samples) for c in draw_samples(source, 3, 4, seed))
        assert name == "coarse 14"
        assert [s.fine_name is None for s in samples] == [False, False, False, True]
        assert source.fine[numbers(samples)[-1]] == -1


def test_the_seed_chooses_classes_and_images():
    source = make_source(np.arange(200) % len(PARENT))
    drawn = [draw_samples(source, num_classes=4, num_each=2, seed=seed) for seed in (0, 0, 1)]
    rows = [[(c.coarse_name, numbers(c.samples)) for c in classes] for classes in drawn]
    assert rows[0] == rows[1] != rows[2]
    for classes in drawn:
        places = [TAXONOMY.coarse_names.index(c.coarse_name) for c in classes]
        assert len(set(places)) == 4
        assert places == sorted(places)


def test_classes_without_images_are_left_out():
    source = make_source([0, 3, 3])
    names = [c.coarse_name for c in draw_samples(source)]
    assert names == ["coarse 0", f"coarse {PARENT[3]}"]


def test_an_image_that_cannot_be_read_is_none(monkeypatch):
    source = make_source([0, 0, 0])
    read = source.images

    def images(indices):
        if 1 in indices.numpy():
            raise OSError("image file is truncated")
        return read(indices)

    monkeypatch.setattr(source, "images", images)
    (of_class,) = draw_samples(source)
    assert [s.fine_name for s in of_class.samples] == ["fine 0"] * 3
    readable = [s for s in of_class.samples if s.image is not None]
    assert sorted(numbers(readable)) == [0, 2]
