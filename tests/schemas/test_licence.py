"""What a release may be under, for every mixture of licences; and what is said where it may not be passed on."""

from itertools import chain, combinations

import pytest

from ipm_prefdial.schemas import licence
from ipm_prefdial.schemas.licence import (
    ACADEMIC,
    LICENCES,
    NOT_RELEASABLE,
    UNKNOWN,
    licence_of,
    refusals,
    release_licence,
)

FREE = ["cc0-1.0", "mit", "apache-2.0"]
SHARE_ALIKE = ["cc-by-sa-4.0", "cc-by-nc-sa-4.0"]
NO_DERIVATIVES = ["cc-by-nd-4.0", "cc-by-nc-nd-4.0"]
SOURCES = [*FREE, "cc-by-4.0", "cc-by-nc-4.0", *SHARE_ALIKE, *NO_DERIVATIVES, ACADEMIC, UNKNOWN]

MIXTURES = [set(some) for some in chain.from_iterable(combinations(SOURCES, n) for n in range(1, len(SOURCES) + 1))]


def due(ids: set[str]) -> str:
    """What a mixture may be under by the terms of its licences, said another way than the table says it."""
    if UNKNOWN in ids or ACADEMIC in ids:
        return UNKNOWN if UNKNOWN in ids else ACADEMIC
    same = ids & set(SHARE_ALIKE)
    if ids & set(NO_DERIVATIVES) or len(same) > 1 or {"cc-by-sa-4.0", "cc-by-nc-4.0"} <= ids:
        return NOT_RELEASABLE
    if same:
        return same.pop()
    return max(ids, key=[*FREE, "cc-by-4.0", "cc-by-nc-4.0"].index)


def test_every_mixture_of_licences_has_the_licence_that_its_terms_allow() -> None:
    assert len(MIXTURES) == 2**11 - 1
    assert [mixture for mixture in MIXTURES if release_licence(mixture) != due(mixture)] == []


def test_every_refused_mixture_says_why_and_every_other_says_nothing() -> None:
    for mixture in MIXTURES:
        told = refusals((one, one) for one in mixture)
        assert bool(told) == (due(mixture) in (UNKNOWN, ACADEMIC, NOT_RELEASABLE)), mixture
        barred = mixture & {UNKNOWN, ACADEMIC, *NO_DERIVATIVES}
        assert {name for name in barred if any(line.startswith(f"{name} ({name}): ") for line in told)} == barred


def test_the_parts_that_a_mixture_is_split_into_are_as_large_as_they_may_be() -> None:
    for mixture in MIXTURES:
        parts = licence._parts(mixture)
        rest = mixture - {UNKNOWN, ACADEMIC, *NO_DERIVATIVES}
        assert set(chain.from_iterable(parts.values())) == rest
        for one, part in parts.items():
            assert release_licence(part) in (one, UNKNOWN)
            assert all(due({*part, other}) == NOT_RELEASABLE for other in rest - set(part)), mixture


def test_nothing_at_all_and_what_is_not_known_here_are_unknown() -> None:
    assert release_licence(()) == UNKNOWN
    assert release_licence({"wtfpl", "mit"}) == UNKNOWN
    assert licence_of("wtfpl").id == UNKNOWN


def test_a_refusal_names_the_sources_and_the_way_out() -> None:
    mixed = [("Talks", "cc-by-sa-4.0"), ("Chats", "cc-by-nc-4.0"), ("Letters", "cc-by-nc-4.0"), ("Open", "cc0-1.0")]
    assert refusals(mixed) == [
        "Talks (cc-by-sa-4.0) with Chats, Letters (cc-by-nc-4.0): no licence fits all of them; split the release "
        "(Open, Talks under cc-by-sa-4.0; Chats, Letters, Open under cc-by-nc-4.0), or build one of these parts alone"
    ]
    (nothing_stated,) = refusals([("Talks", "cc-by-4.0"), ("Found", UNKNOWN)])
    assert nothing_stated.startswith("Found (unknown): ") and "--license ID" in nothing_stated
    (frozen,) = refusals([("Frozen", "cc-by-nd-4.0")])
    assert frozen.startswith("Frozen (cc-by-nd-4.0): ") and "leave it out" in frozen
    (locked,) = refusals([("Locked", ACADEMIC), ("Talks", "mit")])
    assert locked.startswith("Locked (academic-only): ") and "leave it out" in locked


def test_a_source_that_comes_twice_is_named_once() -> None:
    assert refusals([("Found", UNKNOWN), ("Found", UNKNOWN)]) == refusals([("Found", UNKNOWN)])


def test_the_table_of_the_docstring_is_the_graph() -> None:
    """Each line names its licence and the least and the strictest of those that it allows."""
    lines = [line.split("|")[1:4] for line in (licence.__doc__ or "").splitlines() if line.startswith("| `")]
    stated = {name: allowed for sources, allowed, _ in lines for name in sources.replace("`", "").split(",")}
    assert {name.strip() for name in stated} == set(LICENCES) - {NOT_RELEASABLE}
    for name, allowed in stated.items():
        allows = LICENCES[name.strip()].allows
        if not allows:
            assert allowed.strip() == "none"
        elif "from" in allowed:
            assert list(allows) == [one for one in list(LICENCES)[:7] if _at(one) >= _at(name.strip())]
        else:
            assert allowed.replace("`", "").replace(" ", "").split(",") == list(allows)


def _at(name: str) -> int:
    return list(LICENCES).index(name)


@pytest.mark.parametrize("one", LICENCES.values(), ids=LICENCES)
def test_a_licence_allows_only_itself_or_a_stricter_one(one: licence.Licence) -> None:
    assert list(one.allows) == sorted(one.allows, key=_at)
    assert all(_at(allowed) >= _at(one.id) for allowed in one.allows)
    assert not one.allows or one.allows[0] == one.id


def test_no_words_are_passed_on_of_what_is_for_academics_alone() -> None:
    assert {one.id for one in LICENCES.values() if not one.may_pass_on} == {ACADEMIC, NOT_RELEASABLE}


def test_a_licence_is_listed_under_its_own_id_and_has_a_text() -> None:
    assert all(name == one.id and one.asks for name, one in LICENCES.items())
    assert {one.id for one in LICENCES.values() if one.url is None} == {ACADEMIC, NOT_RELEASABLE, UNKNOWN}
    assert {one.id for one in LICENCES.values() if one.is_ours} == {ACADEMIC, NOT_RELEASABLE, UNKNOWN}
