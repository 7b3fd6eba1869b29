"""A release carries the strictest licence of its sources."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.schemas.licence import LICENCES, UNKNOWN, strictest

_ORDER = [
    "cc0-1.0",
    "mit",
    "apache-2.0",
    "cc-by-4.0",
    "cc-by-sa-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0",
    "academic-only",
    UNKNOWN,
]


@pytest.mark.parametrize(("loose", "strict"), list(itertools.pairwise(_ORDER)))
def test_of_two_the_stricter_counts(loose: str, strict: str) -> None:
    assert strictest({loose, strict}) == strict


@given(st.sets(st.sampled_from(_ORDER), min_size=1))
def test_the_strictest_is_one_of_them_and_none_is_stricter(ids: set[str]) -> None:
    assert strictest(ids) == max(ids, key=_ORDER.index)


def test_nothing_at_all_is_unknown() -> None:
    assert strictest(set()) == UNKNOWN


def test_no_two_licences_are_equally_strict() -> None:
    assert len({licence.strictness for licence in LICENCES.values()}) == len(LICENCES) == len(_ORDER)


def test_only_the_academic_one_holds_dialogues_back() -> None:
    assert [licence.id for licence in LICENCES.values() if not licence.may_pass_on] == ["academic-only"]


def test_a_licence_is_listed_under_its_own_id_and_has_a_text() -> None:
    assert all(name == licence.id for name, licence in LICENCES.items())
    assert {licence.id for licence in LICENCES.values() if licence.url is None} == {"academic-only", UNKNOWN}
