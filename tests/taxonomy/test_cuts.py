"""Cuts of a tree into so many classes or at a depth, on small and random hierarchies."""

import numpy as np
import pytest
from hierarchies import (
    ANIMALS,
    LEAVES,
    check_refused,
    first_way_up,
    grouped,
    random_hierarchy,
)

from coarse2fine.taxonomy import IsA, cut_at_depth, cut_into


class TestCutIntoSoMany:
    def test_splits_the_largest_class_into_its_children(self):
        # animal 6: fish 2 and mammal 4; mammal: canine 3 and whale; canine: dog 2 and wolf.
        cuts = {k: grouped(cut_into(ANIMALS, LEAVES, k)) for k in range(1, 5)}
        assert cuts[1] == {"animal": list(LEAVES)}
        assert cuts[2] == {
            "mammal": ["pug", "wolf", "poodle", "whale"],
            "fish": ["tench", "goldfish"],
        }
        assert cuts[3] == {
            "canine": ["pug", "wolf", "poodle"],
            "fish": ["tench", "goldfish"],
            "whale": ["whale"],
        }
        assert cuts[4] == {
            "dog": ["pug", "poodle"],
            "fish": ["tench", "goldfish"],
            "wolf": ["wolf"],
            "whale": ["whale"],
        }

    def test_of_equal_classes_splits_the_one_that_sorts_first(self):
        taxonomy = cut_into(ANIMALS, LEAVES, 5)
        assert set(taxonomy.coarse_names) == {"fish", "pug", "poodle", "wolf", "whale"}

    def test_makes_more_classes_than_asked_for_where_the_last_split_does(self):
        is_a = IsA({name: ("all",) for name in "abcd"})
        assert cut_into(is_a, "abcd", 2).num_coarse == 4

    def test_gives_a_leaf_above_others_a_class_of_its_own(self):
        leaves = ["pug", "dog", "poodle", "wolf"]
        assert grouped(cut_into(ANIMALS, leaves, 2)) == {
            "dog": ["pug", "dog", "poodle"],
            "wolf": ["wolf"],
        }
        assert grouped(cut_into(ANIMALS, leaves, 3)) == {name: [name] for name in leaves}

    @pytest.mark.parametrize("seed", range(4))
    def test_puts_every_leaf_under_the_nearest_class_on_its_first_way_up(self, seed):
        is_a, leaves = random_hierarchy(seed)
        for num_coarse in (1, 2, 5, 11, len(leaves)):
            taxonomy = cut_into(is_a, leaves, num_coarse)
            assert taxonomy.num_coarse >= num_coarse
            assert taxonomy.source_names == tuple(leaves)
            for name, members in grouped(taxonomy).items():
                for leaf in members:
                    way = first_way_up(is_a, leaf)
                    assert name == next(s for s in way if s in taxonomy.coarse_names)

    @pytest.mark.parametrize("seed", range(4))
    def test_does_not_depend_on_the_leaves_order(self, seed):
        is_a, leaves = random_hierarchy(seed)
        cuts = [grouped(cut_into(is_a, order, 7)) for order in (leaves, sorted(leaves))]
        first, second = ({k: sorted(members) for k, members in cut.items()} for cut in cuts)
        assert first == second

    @pytest.mark.parametrize("seed", range(4))
    def test_is_refined_by_a_cut_into_more(self, seed):
        is_a, leaves = random_hierarchy(seed)
        coarser, finer = (np.array(cut_into(is_a, leaves, k).parent) for k in (4, 9))
        assert len(set(zip(coarser, finer, strict=True))) == len(set(finer)) > len(set(coarser))

    @pytest.mark.parametrize("num_coarse", [0, -1, 7, 2.5, True, "2"])
    def test_refuses_numbers_out_of_range(self, num_coarse):
        check_refused(
            f"num_coarse is {num_coarse!r}, expected from 1 to 6, the number of leaves.",
            *(cut_into, ANIMALS, LEAVES, num_coarse),
        )


class TestCutAtDepth:
    def test_gives_the_synsets_there_and_the_leaves_above(self):
        cuts = [grouped(cut_at_depth(ANIMALS, LEAVES, depth)) for depth in range(4)]
        assert cuts[0] == {"animal": list(LEAVES)}
        assert cuts[1] == {
            "mammal": ["pug", "wolf", "poodle", "whale"],
            "fish": ["tench", "goldfish"],
        }
        assert cuts[2] == {
            "canine": ["pug", "wolf", "poodle"],
            **{name: [name] for name in ("tench", "goldfish", "whale")},
        }
        assert cuts[3] == {
            "dog": ["pug", "poodle"],
            **{name: [name] for name in ("tench", "wolf", "goldfish", "whale")},
        }

    @pytest.mark.parametrize("seed", range(4))
    def test_takes_each_class_from_the_first_way_up(self, seed):
        is_a, leaves = random_hierarchy(seed)
        for depth in (0, 1, 3, 6, 80):
            taxonomy = cut_at_depth(is_a, leaves, depth)
            assert taxonomy.source_names == tuple(leaves)
            for leaf, k in zip(leaves, taxonomy.parent, strict=True):
                way_down = first_way_up(is_a, leaf)[::-1]
                assert taxonomy.coarse_names[k] == way_down[: depth + 1][-1]

    @pytest.mark.parametrize("depth", [-1, 1.5, True, None])
    def test_refuses_what_is_no_depth(self, depth):
        check_refused(
            f"depth is {depth!r}, expected 0 or more edges below the root.",
            *(cut_at_depth, ANIMALS, LEAVES, depth),
        )
