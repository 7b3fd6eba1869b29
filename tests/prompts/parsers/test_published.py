import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.prompts.parsers._verdict import read_published
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.verdict import Unparsed, Verdict


def _record(flag: Any, kind: Any) -> dict[str, Any]:
    return {"Contains Empathy Error": flag, "Error Type": kind, "Brief Explanation": " It asks twice. "}


def test_every_published_verdict_is_read_or_named(real_data: Path) -> None:
    records = json.loads((real_data / "Statistic_FailedESCon.json").read_text())
    found = [read_published(record) for record in records]
    told = Counter(one.reason if isinstance(one, Unparsed) else str(one.error) for one in found)
    assert told == {
        "strategy_mismatch": 764,
        "lack_of_empathy": 657,
        "early_emotion_shift": 333,
        "None": 235,
        "template_response": 194,
        "emotion_misread": 117,
        "not_offered": 17,
    }
    assert told.total() == len(records) == 2317


@pytest.mark.parametrize("kind", ["", "None", "N/A", "Others", None, " none "])
@pytest.mark.parametrize("flag", ["No", "no", " NO "])
def test_no_is_no_however_it_is_written(flag: str, kind: str | None) -> None:
    assert read_published(_record(flag, kind)) == Verdict(error=None, rationale="It asks twice.")


@pytest.mark.parametrize("flag", ["Yes", "yes ", "Mismatched Strategy"])
def test_an_error_in_the_place_of_yes_is_a_yes(flag: str) -> None:
    found = read_published(_record(flag, "Mismatched Strategy"))
    assert isinstance(found, Verdict)
    assert found.error is ErrorType.STRATEGY_MISMATCH


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (_record("Yes", "Others"), "not_offered"),
        (_record("Yes", ""), "not_offered"),
        (_record("Others", "Others"), "not_offered"),
        (_record("Perhaps", "Mismatched Strategy"), "not_offered"),
        (_record("No", "Mismatched Strategy"), "contradiction"),
        (_record("No", "Rudeness"), "not_offered"),
        ({"Error Type": "None"}, "no_label"),
        ({}, "no_label"),
    ],
)
def test_what_answers_nothing_is_named_and_kept(record: dict[str, Any], reason: str) -> None:
    found = read_published(record)
    assert isinstance(found, Unparsed)
    assert found.reason == reason
    assert all(str(value) in found.raw for value in record.values())


_VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["Yes", "No", "Others", "None"])


@given(st.dictionaries(st.sampled_from(["Contains Empathy Error", "Error Type", "Brief Explanation", "x"]), _VALUES))
def test_any_record_is_read_or_named(record: dict[str, Any]) -> None:
    found = read_published(record)
    if isinstance(found, Verdict) and found.error is None:
        assert str(record["Contains Empathy Error"]).strip().casefold() == "no"
