"""Versions step as semver users expect, and a step is judged by what it promises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.spec import Bump, Version, largest

VERSIONS = st.builds(Version, *(st.integers(0, 30) for _ in range(3)))
BUMPS = st.sampled_from(list(Bump))


@given(VERSIONS)
def test_a_version_comes_back_from_its_text(version: Version) -> None:
    assert Version.of(str(version)) == version


@pytest.mark.parametrize(
    "text", ["", "1", "1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", "1.0.0\n", "1.0.0.0", "1.٢.0", "a.b.c"]
)
def test_what_is_no_version_is_told(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a version: give MAJOR\.MINOR\.PATCH"):
        Version.of(text)


def test_versions_are_in_the_order_of_their_numbers() -> None:
    texts = ["1.10.0", "1.9.9", "0.0.1", "2.0.0", "1.9.10"]
    assert [str(one) for one in sorted(map(Version.of, texts))] == ["0.0.1", "1.9.9", "1.9.10", "1.10.0", "2.0.0"]


@given(VERSIONS, BUMPS)
def test_the_step_to_the_version_after_a_step_is_that_step(version: Version, bump: Bump) -> None:
    assert version.bump_to(version.after(bump)) is bump


@given(VERSIONS, VERSIONS)
def test_a_step_leads_up_or_is_none(old: Version, new: Version) -> None:
    assert (old.bump_to(new) is None) == (new < old)
    assert (old.bump_to(new) is Bump.NONE) == (new == old)


@given(VERSIONS, VERSIONS, BUMPS)
def test_what_is_allowed_is_what_is_at_or_above_the_smallest(old: Version, new: Version, needed: Bump) -> None:
    assert old.allows(new, needed) == (new >= old.after(needed))


@given(VERSIONS, VERSIONS, BUMPS, BUMPS)
def test_what_is_enough_for_a_step_is_enough_for_a_smaller_one(
    old: Version, new: Version, one: Bump, other: Bump
) -> None:
    needed = largest((one, other))
    assert needed.covers(one)
    assert needed.covers(other)
    if old.allows(new, needed):
        assert old.allows(new, one)


@pytest.mark.parametrize(
    ("new", "needed", "allowed"),
    [
        ("1.2.3", Bump.NONE, True),
        ("1.2.3", Bump.PATCH, False),
        ("1.2.4", Bump.PATCH, True),
        ("1.2.4", Bump.MINOR, False),
        ("1.3.0", Bump.MINOR, True),
        ("1.3.0", Bump.PATCH, True),
        ("1.5.2", Bump.MINOR, True),
        ("1.9.9", Bump.MAJOR, False),
        ("2.0.0", Bump.MAJOR, True),
        ("2.0.0", Bump.NONE, True),
        ("1.2.2", Bump.NONE, False),
        ("0.9.0", Bump.MAJOR, False),
    ],
)
def test_what_may_come_after_1_2_3(new: str, needed: Bump, allowed: bool) -> None:
    assert Version.of("1.2.3").allows(Version.of(new), needed) is allowed


def test_nothing_needs_no_step() -> None:
    assert largest(()) is Bump.NONE
    assert largest([Bump.PATCH, Bump.MAJOR, Bump.MINOR]) is Bump.MAJOR
