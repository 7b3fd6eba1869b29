"""A judge's reply: only the grades that were offered count, and nothing unread becomes "no error"."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.prompts.parsers._verdict import read_verdict
from ipm_prefdial.schemas.error_type import ErrorType, parse_error_type, says_no_error
from ipm_prefdial.schemas.verdict import Unparsed, Verdict

_THREE = (ErrorType.LACK_OF_EMPATHY, ErrorType.EARLY_EMOTION_SHIFT, ErrorType.TEMPLATE_RESPONSE)
_values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.lists(st.text(), max_size=2)
    | st.dictionaries(st.text(), st.text(), max_size=2)
)


def _reply(label: object, rationale: object = "It changes the topic.") -> str:
    return json.dumps({"error": label, "rationale": rationale})


@given(st.text() | st.text('{}[]":, error none', max_size=60))
def test_any_text_is_a_verdict_or_a_named_failure_with_the_reply(reply: str) -> None:
    found = read_verdict(reply, _THREE)
    assert isinstance(found, Verdict) or (found.reason in ("no_json", "no_label", "not_offered") and found.raw == reply)


@given(_values, _values)
def test_any_label_and_rationale_are_read_or_named(label: object, rationale: object) -> None:
    found = read_verdict(_reply(label, rationale), _THREE)
    if isinstance(label, str) and label.strip():
        known = says_no_error(label) or parse_error_type(label) in _THREE
    else:
        known = label is None or label is False
    assert isinstance(found, Verdict) == known


@pytest.mark.parametrize("error", _THREE)
@pytest.mark.parametrize(
    "spell",
    [str, str.upper, lambda name: f" {name} ", lambda name: name.replace("_", " ").title(), lambda name: f"{name}."],
)
def test_an_error_is_read_however_it_is_spelt(error: ErrorType, spell: type[str]) -> None:
    assert read_verdict(_reply(spell(error.value)), _THREE) == Verdict(error=error, rationale="It changes the topic.")


@pytest.mark.parametrize("label", ["none", "None", " NONE ", "no error", "No", "N/A", "null", None, False])
def test_no_error_is_read_however_it_is_said(label: object) -> None:
    assert read_verdict(_reply(label), _THREE) == Verdict(error=None, rationale="It changes the topic.")


@pytest.mark.parametrize(
    "label",
    [
        "yes",
        " Yes",
        "YES",
        True,
        "Others",
        "",
        "  ",
        "perhaps",
        1,
        0,
        ["none"],
        {"error": "none"},
        "none, lack_of_empathy",
        "emotion_misread",
        "strategy_mismatch",
    ],
)
def test_a_label_that_was_not_offered_is_no_verdict(label: object) -> None:
    assert read_verdict(_reply(label), _THREE) == Unparsed(reason="not_offered", raw=_reply(label))


def test_what_is_offered_is_decided_by_the_spec() -> None:
    assert read_verdict(_reply("emotion_misread"), tuple(ErrorType)) == Verdict(
        error=ErrorType.EMOTION_MISREAD, rationale="It changes the topic."
    )
    assert isinstance(read_verdict(_reply("lack_of_empathy"), ()), Unparsed)


@pytest.mark.parametrize("reply", ["{}", '{"rationale": "fine"}', '{"verdict": "none"}', '{"errors": "none"}'])
def test_a_missing_label_is_named(reply: str) -> None:
    assert read_verdict(reply, _THREE) == Unparsed(reason="no_label", raw=reply)


@pytest.mark.parametrize("name", ["error", "Error", " ERROR "])
def test_the_labels_own_name_may_be_spelt_otherwise(name: str) -> None:
    assert read_verdict(json.dumps({name: "none", "Rationale": "so"}), _THREE) == Verdict(error=None, rationale="so")


@pytest.mark.parametrize("rationale", [None, "", "  ", 0, []])
def test_no_rationale_is_an_empty_one(rationale: object) -> None:
    assert read_verdict(_reply("none", rationale), _THREE) == Verdict(error=None, rationale="")


@pytest.mark.parametrize(
    "frame",
    [
        "```json\n{}\n```",
        "Sure!\n{}",
        "<think>Is it {'none'}?</think>\n{}",
        "{}\n\nLet me know.",
        '{"error": "lack_of_empathy", "rationale": "?"} Wait: {}',
    ],
)
def test_the_verdict_is_found_in_its_frame(frame: str) -> None:
    reply = frame[::-1].replace("}{", _reply("none")[::-1], 1)[::-1]
    assert read_verdict(reply, _THREE) == Verdict(error=None, rationale="It changes the topic.")


def test_an_escaped_half_of_a_surrogate_pair_does_not_reach_the_rows() -> None:
    found = read_verdict('{"error": "none", "rationale": "so \\ud83d"}', _THREE)
    assert isinstance(found, Verdict)
    assert found.rationale.encode().startswith(b"so")
