"""Rows are matched by their ids, each with one other at most, and none is lost."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.release.diff._compare import match_rows

_IDS = st.lists(st.integers(0, 12), max_size=20)


def _array(ids: list[int]) -> np.ndarray:
    return np.array(ids, dtype=np.uint64)


@given(_IDS, _IDS)
def test_every_row_is_matched_gone_or_added(old: list[int], new: list[int]) -> None:
    found = match_rows(_array(old), _array(new))
    assert sorted([*found.old, *found.gone]) == list(range(len(old)))
    assert sorted([*found.new, *found.added]) == list(range(len(new)))
    assert [old[at] for at in found.old] == [new[at] for at in found.new]
    assert list(found.new) == sorted(found.new)


@given(_IDS, _IDS)
def test_as_many_are_matched_as_stand_in_both_also_where_ids_repeat(old: list[int], new: list[int]) -> None:
    found = match_rows(_array(old), _array(new))
    assert Counter(old[at] for at in found.old) == Counter(old) & Counter(new)
    assert Counter(old[at] for at in found.gone) == Counter(old) - Counter(new)
    assert Counter(new[at] for at in found.added) == Counter(new) - Counter(old)


def test_repeated_ids_are_matched_in_order() -> None:
    found = match_rows(_array([5, 7, 5]), _array([5, 5, 5, 7]))
    assert list(zip(found.old, found.new, strict=True)) == [(0, 0), (2, 1), (1, 3)]
    assert list(found.added) == [2]
