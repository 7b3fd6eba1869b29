"""The sample is the same in any order, bounded, and spread as evenly as the strata allow."""

import hashlib
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.release.report import StratifiedSample

_ITEMS = st.lists(st.tuples(st.integers(0, 6).map(lambda number: (str(number),)), st.integers()), unique=True)


def _sample(items: list[tuple[tuple[str], int]], limit: int) -> list[tuple[tuple[str], int]]:
    sample = StratifiedSample[tuple[tuple[str], int]](limit)
    for stratum, number in items:
        rank = hashlib.sha256(f"{stratum}{number}".encode()).hexdigest()
        sample.offer(stratum, rank, lambda stratum=stratum, number=number: (stratum, number))  # type: ignore[misc]
    assert sample.seen == len(items)
    return sample.items()


@given(items=_ITEMS, limit=st.integers(1, 12), data=st.data())
def test_order_changes_nothing(items: list[tuple[tuple[str], int]], limit: int, data: st.DataObject) -> None:
    assert _sample(items, limit) == _sample(data.draw(st.permutations(items)), limit)


@given(items=_ITEMS, limit=st.integers(1, 12))
def test_strata_have_equal_shares_where_they_can(items: list[tuple[tuple[str], int]], limit: int) -> None:
    there, kept = Counter(stratum for stratum, _ in items), Counter(stratum for stratum, _ in _sample(items, limit))
    assert kept.total() == min(limit, len(items))
    most = max(kept.values(), default=0)
    assert all(kept[stratum] >= min(number, most - 1) for stratum, number in there.items())


def test_few_items_are_held_and_made() -> None:
    made: list[int] = []
    sample = StratifiedSample[None](20)
    for number in range(20_000):
        rank = hashlib.sha256(str(number).encode()).hexdigest()
        sample.offer((str(number % 3),), rank, lambda number=number: made.append(number))  # type: ignore[misc]
        assert sum(len(items) for items in sample._strata.values()) <= 41
    assert len(sample.items()) == 20
    assert len(made) < 600
