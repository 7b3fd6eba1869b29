"""A trace is written and read back as it was; every other text is a named problem."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.traces import TEXT, TRACE, traces

from ipm_prefdial.prompts.parsers.trace import find_steps, format_trace, parse_trace, step_texts
from ipm_prefdial.schemas.trace import Step, Trace
from ipm_prefdial.schemas.verdict import Unparsed

_PIECES = [f"<{slash}{step}>" for step in Step for slash in ("", "/")]
_NEARLY = st.lists(
    st.sampled_from([*_PIECES, "emotion: joy", "intensity: 3", "cause: x", "cues: none", "strategy: Others", "why: y"])
    | st.text(max_size=5),
    max_size=24,
).map("\n".join)


@given(traces)
def test_what_is_written_is_read_back(trace: Trace) -> None:
    text = format_trace(trace)
    assert parse_trace(text) == trace
    assert "\n".join(step_texts(trace)) == text


@given(st.text() | _NEARLY)
@example("<hiſtory>x</hiſtory>")
@example("<emotion>\nemotion: joy\nintensity: 3\ncause: x\ncues: text: \u2028\n</emotion>")
def test_any_text_is_a_trace_or_a_named_problem(text: str) -> None:
    found = parse_trace(text)
    assert isinstance(found, Trace) or (found.raw == text and found.reason.replace("_", "").isalpha())
    assert set(find_steps(text)) <= set(Step)


def test_the_form_is_pinned() -> None:
    assert format_trace(TRACE) == TEXT
    assert find_steps(TEXT)[Step.REPLY] == TRACE.reply


@pytest.mark.parametrize(
    "dressed",
    [
        f"<think>Who speaks?</think>\n{TEXT}",
        f"```\n{TEXT}\n```",
        f"\n\n{TEXT}\n",
        TEXT.replace("<history>", "<History>").replace("</history>", "</HISTORY>"),
        TEXT.replace("intensity: 4", "Intensity: 4/5"),
        TEXT.replace("emotion: loneliness", "emotion: Lonely."),
        TEXT.replace("strategy: Reflection of feelings", "strategy: [Reflection]"),
        TEXT.replace("cause: nobody was there", "cause: nobody\nwas there"),
    ],
)
def test_a_model_may_dress_its_trace(dressed: str) -> None:
    assert parse_trace(dressed) == TRACE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_trace"),
        ("I am so sorry to hear that.", "no_trace"),
        (TEXT.replace("</reply>", ""), "missing_reply"),
        (TEXT + TEXT, "repeated_step"),
        ("\n".join((*step_texts(TRACE), step_texts(TRACE)[0])), "repeated_step"),
        ("\n".join(step_texts(TRACE)[at] for at in (1, 0, 2, 3)), "wrong_order"),
        (TEXT + "\nI hope this helps.", "extra_text"),
        ("<history>\n</history>\n" + "\n".join(step_texts(TRACE)[1:]), "empty_history"),
        (TEXT.replace("emotion: loneliness\n", ""), "no_emotion"),
        (TEXT.replace("cause: nobody was there on the way home", "cause: "), "no_cause"),
        (TEXT.replace("loneliness", "a mix of things"), "unknown_emotion"),
        (TEXT.replace("intensity: 4", "intensity: 9"), "bad_intensity"),
        (TEXT.replace("voice: slow", "smell: slow"), "bad_cues"),
        (TEXT.replace("Reflection of feelings", "Cheering Up"), "unknown_strategy"),
        (TEXT.replace("\nwhy: the feeling was told and not yet answered", ""), "no_why"),
        (TEXT.replace("felt forgotten", "felt </ reply> forgotten"), "stray_tag"),
    ],
)
def test_a_fault_has_a_name_and_the_text_is_kept(text: str, reason: str) -> None:
    assert parse_trace(text) == Unparsed(reason=reason, raw=text)


def test_no_cues_are_none() -> None:
    bare = TRACE.model_copy(update={"emotion": TRACE.emotion.model_copy(update={"cues": ()})})
    assert "\ncues: none\n" in format_trace(bare)
    assert parse_trace(format_trace(bare)) == bare


def test_a_part_is_found_where_the_whole_is_broken() -> None:
    assert find_steps("<reply>One</reply> and <reply> Two </reply><emotion>") == {Step.REPLY: "Two"}
