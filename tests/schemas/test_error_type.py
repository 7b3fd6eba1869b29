"""The five errors and the ways in which judges write them, or write that there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.schemas.error_type import ErrorType, parse_error_type, says_no_error


@pytest.mark.parametrize("error", ErrorType)
@pytest.mark.parametrize("wrap", ["{}", " {} ", "{}.", '"{}"', "**{}**", "[{}]"])
@pytest.mark.parametrize(
    "spell", [str, str.upper, str.title, lambda name: name.replace("_", " "), lambda name: name.replace("_", "-")]
)
def test_an_error_comes_back_through_wrap_and_case(error: ErrorType, wrap: str, spell: type[str]) -> None:
    assert parse_error_type(wrap.format(spell(error.value))) is error


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("Lack of Empathetic Content", ErrorType.LACK_OF_EMPATHY),
        ("Premature Emotional Transition", ErrorType.EARLY_EMOTION_SHIFT),
        ("Repetitive or Template-like Response", ErrorType.TEMPLATE_RESPONSE),
        ("Mismatch", ErrorType.STRATEGY_MISMATCH),
        ("Emotional Misunderstanding", ErrorType.EMOTION_MISREAD),
    ],
)
def test_published_judges_names_are_understood(name: str, error: ErrorType) -> None:
    assert parse_error_type(name) is error


@pytest.mark.parametrize("text", ["", "None", "N/A", "n/a", "no", "No error.", "null", " NONE ", "Not applicable"])
def test_every_way_to_say_none_says_none(text: str) -> None:
    assert says_no_error(text)
    assert parse_error_type(text) is None


@pytest.mark.parametrize("text", ["yes", "Others", "perhaps", "lack", "none of it is true", "noerror?"])
def test_other_words_are_neither_an_error_nor_none(text: str) -> None:
    assert parse_error_type(text) is None
    assert not says_no_error(text)


@given(st.text())
def test_no_text_is_an_error_and_none_at_once(text: str) -> None:
    assert not (says_no_error(text) and parse_error_type(text) is not None)
