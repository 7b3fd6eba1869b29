"""Near-duplicates are found alike in memory and on disk, and as a plain comparison of all pairs finds them."""

import tracemalloc
from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.statistics.near_duplicates import PERMUTATIONS, Sketches, near_duplicate_groups, sketch_of


def _family(dice: np.random.Generator, sizes: list[int], changed: int) -> np.ndarray:
    """Sketches in families: those of one differ from its first in `changed` of their numbers, at random."""
    found = []
    for size in sizes:
        first = dice.integers(0, 2**32, PERMUTATIONS, dtype=np.uint32)
        for number in range(size):
            one = first.copy()
            if number:
                one[dice.choice(PERMUTATIONS, changed, replace=False)] = dice.integers(0, 2**32, dtype=np.uint32)
            found.append(one)
    return np.array(found).reshape(-1, PERMUTATIONS)[dice.permutation(sum(sizes))]


def _by_hand(sketches: np.ndarray, similarity: float) -> list[int]:
    """Group numbers by comparing every pair, as far as a band of four numbers is shared."""
    group = list(range(len(sketches)))
    for one, other in combinations(range(len(sketches)), 2):
        same = sketches[one] == sketches[other]
        if same.reshape(-1, 4).all(axis=1).any() and same.mean() >= similarity:
            old, new = group[other], group[one]
            group = [new if number == old else number for number in group]
    first = {number: place for place, number in enumerate(dict.fromkeys(group))}
    return [first[number] for number in group]


def _on_disk(sketches: np.ndarray) -> Sketches:
    held = Sketches()
    for sketch in sketches:
        held.add(sketch)
    return held


@given(st.integers(0, 2**32), st.lists(st.integers(1, 5), max_size=6), st.integers(0, 40))
def test_groups_are_those_of_a_comparison_of_all_pairs(seed: int, sizes: list[int], changed: int) -> None:
    sketches = _family(np.random.default_rng(seed), sizes, changed)
    due = _by_hand(sketches, 0.75)
    assert near_duplicate_groups(len(sketches), sketches.__getitem__, 0.75).tolist() == due
    held = _on_disk(sketches)
    assert held.groups(0.75).tolist() == due
    some = np.flatnonzero(np.random.default_rng(seed).random(len(sketches)) < 0.5)
    assert held.groups(0.75, some).tolist() == _by_hand(sketches[some], 0.75)
    held.close()


def test_a_thousand_copies_are_one_group() -> None:
    sketch = sketch_of("so many words that are always the same".split())
    other = sketch_of("and quite another text than the one before".split())
    groups = _on_disk(np.array([sketch] * 1000 + [other])).groups(0.9)
    assert groups.tolist() == [0] * 1000 + [1]


def test_memory_for_a_sketch_on_disk_is_a_fraction_of_the_sketch() -> None:
    size, held = 40_000, Sketches()
    for block in range(0, size, 1000):
        for sketch in np.random.default_rng(block).integers(0, 2**32, (1000, PERMUTATIONS), dtype=np.uint32):
            held.add(sketch)
    tracemalloc.start()
    groups = held.groups(0.8)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(groups) == len(set(groups.tolist())) == size
    whole = size * PERMUTATIONS * 4
    assert peak < whole / 2
