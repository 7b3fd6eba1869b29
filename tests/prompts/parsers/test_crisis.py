"""A judge's answer about a whole dialogue: nothing but a plain "none" says that there is no crisis."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.prompts.parsers._verdict import read_crisis
from ipm_prefdial.schemas.safety import CrisisCategory
from ipm_prefdial.schemas.verdict import CrisisVerdict, Unparsed

_NONE = ("none", "None", " NONE ", "no", "No crisis", "no_crisis", "no-crisis", "null", "N/A", None, False)
_values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([*CrisisCategory, *_NONE, "maybe", "suicide", "Self-Harm"])
    | st.lists(st.text(), max_size=2)
    | st.dictionaries(st.text(), st.text(), max_size=2)
)


def _reply(crisis: object = "self_harm", turn: object = 2, rationale: object = "It is said there.") -> str:
    return json.dumps({"crisis": crisis, "turn": turn, "rationale": rationale})


@given(st.text() | st.text('{}[]":, crisis turn none 0123456789', max_size=80), st.integers(0, 9))
def test_any_text_is_a_verdict_or_a_named_failure_with_the_reply(reply: str, turns: int) -> None:
    found = read_crisis(reply, turns)
    if isinstance(found, Unparsed):
        assert found.reason in ("no_json", "no_label", "not_offered")
        assert found.raw == reply


@given(_values, _values, _values, st.integers(0, 9))
def test_any_fields_are_read_or_named_and_a_turn_is_one_that_there_is(
    crisis: object, turn: object, rationale: object, turns: int
) -> None:
    found = read_crisis(_reply(crisis, turn, rationale), turns)
    if isinstance(found, CrisisVerdict):
        assert found.turn is None or 0 <= found.turn < turns
        assert found.category is not None or found.turn is None
    else:
        assert found == Unparsed(reason="not_offered", raw=_reply(crisis, turn, rationale))


@given(_values.filter(lambda label: label is not None and label is not False))
def test_what_was_not_offered_is_never_taken_for_no_crisis(label: object) -> None:
    found = read_crisis(_reply(label), 9)
    if isinstance(found, CrisisVerdict) and found.category is None:
        folded = " ".join(str(label).casefold().replace("_", " ").replace("-", " ").split())
        assert folded in {"none", "no", "no crisis", "null", "n/a"}


@pytest.mark.parametrize(
    "label", ["", "  ", "yes", "maybe", "suicide", "self_harm, abuse", 0, 1, True, [], ["none"], {}]
)
def test_a_label_that_was_not_offered_is_no_verdict(label: object) -> None:
    assert read_crisis(_reply(label), 9) == Unparsed(reason="not_offered", raw=_reply(label))


@pytest.mark.parametrize("label", _NONE)
def test_no_crisis_is_read_however_it_is_said(label: object) -> None:
    found = read_crisis(_reply(label), 9)
    assert found == CrisisVerdict(category=None, turn=None, rationale="It is said there.")


@pytest.mark.parametrize("category", CrisisCategory)
def test_a_category_is_read_however_it_is_spelt(category: CrisisCategory) -> None:
    for label in (category.value, category.upper(), f" {category} ", category.replace("_", "-").title()):
        found = read_crisis(_reply(label), 9)
        assert found == CrisisVerdict(category=category, turn=2, rationale="It is said there.")


@pytest.mark.parametrize(
    ("turn", "read"),
    [
        *((0, 0), (8, 8), ("3", 3), (" 3 ", 3)),
        *((turn, None) for turn in (9, -1, 2.5, "the third", None, True, [3], "", 10**30)),
    ],
)
def test_a_turn_that_there_is_not_is_read_as_none(turn: object, read: int | None) -> None:
    found = read_crisis(_reply(turn=turn), 9)
    assert isinstance(found, CrisisVerdict)
    assert (found.category, found.turn) == (CrisisCategory.SELF_HARM, read)


@pytest.mark.parametrize("reply", ["{}", '{"turn": 3}', '{"category": "none"}', '{"crises": "none"}'])
def test_a_missing_label_is_named(reply: str) -> None:
    assert read_crisis(reply, 9) == Unparsed(reason="no_label", raw=reply)


def test_a_turn_and_a_rationale_may_be_missing() -> None:
    assert read_crisis('{"Crisis": "abuse"}', 9) == CrisisVerdict(
        category=CrisisCategory.ABUSE, turn=None, rationale=""
    )


@pytest.mark.parametrize("frame", ["```json\n%s\n```", "I have read it.\n%s", "<think>none? {no}</think>\n%s"])
def test_a_verdict_is_found_in_its_frame(frame: str) -> None:
    assert isinstance(read_crisis(frame % _reply(), 9), CrisisVerdict)


def test_the_last_answer_counts() -> None:
    found = read_crisis(_reply("none") + " No, wait: " + _reply("abuse"), 9)
    assert isinstance(found, CrisisVerdict)
    assert found.category is CrisisCategory.ABUSE
