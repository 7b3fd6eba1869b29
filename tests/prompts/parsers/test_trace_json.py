"""A reasoner may answer in JSON or in the text form; either way it is a trace, or a named problem."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.traces import TEXT, TRACE, traces

from ipm_prefdial.prompts.parsers.trace import read_trace
from ipm_prefdial.schemas.trace import Trace
from ipm_prefdial.schemas.verdict import Unparsed

_FIELDS = {
    "history": TRACE.history,
    "emotion": "Lonely",
    "intensity": 4,
    "cause": TRACE.emotion.cause,
    "cues": [
        {"modality": "text", "description": "with nobody around"},
        {"modality": "VOICE", "description": "slow and low"},
    ],
    "strategy": "Reflection",
    "why": TRACE.strategy.why,
    "reply": TRACE.reply,
}
_VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.lists(st.text() | st.dictionaries(st.sampled_from(["modality", "description"]), st.text()), max_size=3)
)


def _reply(**changes: object) -> str:
    return json.dumps({**_FIELDS, **changes})


@given(st.text() | st.fixed_dictionaries({}, optional=dict.fromkeys(_FIELDS, _VALUES)).map(json.dumps))
def test_any_reply_is_a_trace_or_a_named_problem(reply: str) -> None:
    found = read_trace(reply)
    assert isinstance(found, Trace) or (found.raw == reply and found.reason.replace("_", "").isalpha())


@given(traces)
def test_json_gives_every_trace_back(trace: Trace) -> None:
    fields = {
        "history": trace.history,
        **trace.emotion.model_dump(mode="json"),
        **trace.strategy.model_dump(mode="json"),
        "reply": trace.reply,
    }
    assert read_trace(json.dumps(fields)) == trace


@pytest.mark.parametrize(
    "reply",
    [
        _reply(),
        f"Here:\n```json\n{_reply()}\n```",
        _reply(cues="text: with nobody around; voice: slow and low"),
        _reply(intensity="4"),
        TEXT,
        f"<think>{{}}</think>{TEXT}",
    ],
)
def test_a_reasoner_may_dress_its_answer(reply: str) -> None:
    assert read_trace(reply) == TRACE


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("Sorry, no.", "no_trace"),
        ("{}", "empty_history"),
        (_reply(strategy="Cheering Up"), "unknown_strategy"),
        (_reply(emotion=None), "no_emotion"),
        (_reply(intensity=True), "no_intensity"),
        (_reply(cues=[1]), "bad_cues"),
        (_reply(cues=[{"modality": "smell", "description": "smoke"}]), "bad_cues"),
        (_reply(reply="so <reply> sad"), "stray_tag"),
    ],
)
def test_a_fault_has_the_name_that_it_has_in_the_text_form(reply: str, reason: str) -> None:
    assert read_trace(reply) == Unparsed(reason=reason, raw=reply)
