"""A judge's answer about two sides: only what was offered counts, of either side and of which is better."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.prompts.parsers._verdict import read_comparison, read_verdict
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.verdict import Comparison, Unparsed, Verdict

_ALL = tuple(ErrorType)
_FIT = (ErrorType.STRATEGY_MISMATCH,)
_REASONS = ("no_json", "no_label", "not_offered")
_names = st.sampled_from([*ErrorType, "none", "None", "no error", "NO", "N/A"])
_values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | _names
    | st.lists(st.text(), max_size=2)
    | st.dictionaries(st.text(), st.text(), max_size=2)
)
_sides = st.sampled_from(["a", "b", "tie", "A", " Tie ", "none", "neither", "both", "reply a", "", None, True, 1])


def _reply(a: object = "none", b: object = "lack_of_empathy", better: object = "a", rationale: object = "So.") -> str:
    return json.dumps({"a": a, "b": b, "better": better, "rationale": rationale})


@given(st.text() | st.text('{}[]":, ab error none tie', max_size=80))
def test_any_text_is_a_comparison_or_a_named_failure_with_the_reply(reply: str) -> None:
    found = read_comparison(reply, _ALL)
    assert isinstance(found, Comparison) or (found.reason in _REASONS and found.raw == reply)


@given(
    st.fixed_dictionaries({}, optional={"a": _values, "b": _values, "better": _values | _sides, "rationale": _values})
)
def test_any_fields_are_read_or_named(fields: dict[str, object]) -> None:
    found = read_comparison(json.dumps(fields), _ALL)
    assert isinstance(found, Comparison) or found.reason in ("no_label", "not_offered")
    if isinstance(found, Comparison):
        assert {"a", "b", "better"} <= fields.keys()


@given(_values, _values, st.sampled_from([_ALL, _FIT, _ALL[:2]]))
def test_each_side_is_read_as_a_verdict_is(a: object, b: object, offered: tuple[ErrorType, ...]) -> None:
    found = read_comparison(_reply(a, b), offered)
    alone = [read_verdict(json.dumps({"error": label}), offered) for label in (a, b)]
    if all(isinstance(one, Verdict) for one in alone):
        assert isinstance(found, Comparison)
        assert [found.a, found.b] == [one.error for one in alone if isinstance(one, Verdict)]
    else:
        assert found == Unparsed(reason="not_offered", raw=_reply(a, b))


@given(_names, _names, st.sampled_from([_FIT, _ALL[:2], ()]))
def test_what_was_not_offered_is_never_taken_for_no_error(a: str, b: str, offered: tuple[ErrorType, ...]) -> None:
    found = read_comparison(_reply(a, b), offered)
    foreign = {label for label in (a, b) if label in tuple(ErrorType)} - set(offered)
    assert isinstance(found, Unparsed) == bool(foreign)
    if isinstance(found, Comparison):
        assert (found.a is None, found.b is None) == (a not in _ALL, b not in _ALL)


@pytest.mark.parametrize("a", [None, *ErrorType])
@pytest.mark.parametrize("b", [None, *ErrorType])
@pytest.mark.parametrize("better", ["a", "b", "tie"])
def test_every_answer_that_is_offered_is_read(a: ErrorType | None, b: ErrorType | None, better: str) -> None:
    found = read_comparison(_reply(a or "none", b or "none", better), _ALL)
    assert isinstance(found, Comparison)
    assert (found.a, found.b, found.better, found.rationale) == (a, b, better, "So.")


@pytest.mark.parametrize("better", ["A", " b ", "TIE", "Tie\n"])
def test_the_case_of_a_preference_does_not_count(better: str) -> None:
    found = read_comparison(_reply(better=better), _ALL)
    assert isinstance(found, Comparison)
    assert found.better == better.strip().casefold()


@pytest.mark.parametrize(
    "better", ["none", "neither", "both", "reply a", "chosen", "", None, True, False, 0, ["a"], "ab"]
)
def test_a_preference_that_was_not_offered_is_no_answer(better: object) -> None:
    reply = _reply(better=better)
    assert read_comparison(reply, _ALL) == Unparsed(reason="not_offered", raw=reply)


@pytest.mark.parametrize("missing", ["a", "b", "better"])
def test_a_missing_field_is_named(missing: str) -> None:
    fields = {"a": "none", "b": "none", "better": "tie", "rationale": "Alike."}
    reply = json.dumps({name: value for name, value in fields.items() if name != missing})
    assert read_comparison(reply, _ALL) == Unparsed(reason="no_label", raw=reply)


@pytest.mark.parametrize("rationale", [None, "", "  ", 0, []])
def test_no_rationale_is_an_empty_one(rationale: object) -> None:
    found = read_comparison(_reply(rationale=rationale), _ALL)
    assert isinstance(found, Comparison)
    assert found.rationale == ""


def test_the_names_of_the_fields_may_be_spelt_otherwise() -> None:
    found = read_comparison('{"A": "none", " B ": "Template", "BETTER": "A", "Rationale": "So."}', _ALL)
    assert found == Comparison(a=None, b=ErrorType.TEMPLATE_RESPONSE, better="a", rationale="So.")


@pytest.mark.parametrize(
    "frame", ["```json\n%s\n```", "Sure!\n%s", "<think>Is a {better}?</think>\n%s", "%s\n\nSo there."]
)
def test_a_comparison_is_found_in_its_frame(frame: str) -> None:
    assert isinstance(read_comparison(frame % _reply(), _ALL), Comparison)


def test_an_answer_to_another_question_is_none() -> None:
    assert isinstance(read_comparison('{"error": "none", "rationale": "fine"}', _ALL), Unparsed)
    assert isinstance(read_verdict(_reply(), _ALL), Unparsed)


def test_an_escaped_half_of_a_surrogate_pair_does_not_reach_the_rows() -> None:
    found = read_comparison('{"a": "none", "b": "none", "better": "tie", "rationale": "so \\ud83d"}', _ALL)
    assert isinstance(found, Comparison)
    assert found.rationale.encode() == b"so \xef\xbf\xbd"
