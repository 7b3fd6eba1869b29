"""Grades are read one by one, whatever stands around them, and only those on the scale count."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.prompts.parsers._verdict import read_grades
from ipm_prefdial.schemas.base import canonical_json
from ipm_prefdial.schemas.verdict import Unparsed

OFFERED = ("fluency", "empathy")


@given(st.text())
def test_any_text_is_read_or_named_unread(reply: str) -> None:
    read = read_grades(reply, OFFERED)
    assert isinstance(read, Unparsed) or set(read) <= set(OFFERED)


@given(st.integers(0, 5), st.integers(0, 5))
def test_grades_are_read_back(one: int, other: int) -> None:
    reply = canonical_json({"fluency": one, "empathy": other, "rationale": "So it is."}).decode()
    for said in (reply, f"Here it is:\n```json\n{reply}\n```", reply.upper()):
        assert read_grades(said, OFFERED) == {"fluency": one, "empathy": other}


@pytest.mark.parametrize("value", ["4", 4, 4.0, " 4 "])
def test_number_is_a_number_however_it_is_written(value: Any) -> None:
    assert read_grades(canonical_json({"empathy": value}).decode(), OFFERED) == {"empathy": 4}


@pytest.mark.parametrize("value", [6, -1, "four", "4/5", None, True, [4], {"grade": 4}, "nan", "", 10**400])
def test_grade_off_the_scale_costs_no_other(value: Any) -> None:
    text = '{"fluency": %s, "empathy": 3}' % ("1" + "0" * 400 if value == 10**400 else canonical_json(value).decode())
    assert read_grades(text, OFFERED) == {"empathy": 3}


@pytest.mark.parametrize(
    ("reply", "reason"), [("five", "no_json"), ("{}", "no_grade"), ('{"warmth": 5}', "no_grade"), ("", "no_json")]
)
def test_reply_without_a_grade_is_unread(reply: str, reason: str) -> None:
    read = read_grades(reply, OFFERED)
    assert read == Unparsed(reason=reason, raw=reply)
