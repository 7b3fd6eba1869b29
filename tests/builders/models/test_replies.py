"""Whatever an endpoint says has a meaning, and nothing that it says raises."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.chat_server import answer_with

from ipm_prefdial.builders.models._api_errors import ApiError, model_names, read_error
from ipm_prefdial.builders.models._replies import MOST_REPLY, ReadReply, Sent, read_reply
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "error", "usage", "detail", "code", "data", "id"]), inner
        )
    ),
    max_leaves=12,
)


SENT = Sent("k", "mock", structured=False, size=400, max_tokens=64)


@given(st.binary() | anything.map(lambda value: json.dumps(value).encode()))
def test_any_body_means_something(body: bytes) -> None:
    outcome = read_reply(SENT, body).outcome
    assert isinstance(outcome, Completion | Failed | ApiError)
    assert isinstance(read_error(body).message, str)
    assert isinstance(model_names(body), list)


@given(anything, anything, anything)
def test_any_message_means_something(content: Any, refusal: Any, usage: Any) -> None:
    body = answer_with(None, content=content, refusal=refusal)
    outcome = read_reply(SENT._replace(structured=True), json.dumps({**body, "usage": usage}).encode()).outcome
    if isinstance(content, str) and content.strip() and not refusal:
        assert isinstance(outcome, Completion) and outcome.structured
        assert max(outcome.prompt_tokens, outcome.completion_tokens) < 2**21
    else:
        assert isinstance(outcome, Completion | Failed) and getattr(outcome, "text", "").strip() == ""


def read(**changes: Any) -> Completion | Failed:
    outcome = reply_of(answer_with(**changes)).outcome
    assert isinstance(outcome, Completion | Failed)
    return outcome


def reply_of(body: dict[str, Any], sent: Sent = SENT) -> ReadReply:
    return read_reply(sent, json.dumps(body).encode())


def test_reply_is_read_with_its_usage() -> None:
    assert read(text="Hello") == Completion(
        key="k", text="Hello", finish_reason="stop", prompt_tokens=12, completion_tokens=7
    )


@pytest.mark.parametrize(
    "finish",
    ["stop", "STOP", "eos", "eos_token", "end_turn", "endTurn", "stop_sequence", "COMPLETE", "finish_reason_stop"],
)
def test_a_good_ending_stays_the_endpoints_word(finish: str) -> None:
    outcome = read(text="Hi", finish_reason=finish)
    assert isinstance(outcome, Completion) and outcome.finish_reason == finish


@pytest.mark.parametrize("finish", ["length", "max_tokens", "MAX_TOKENS", "model_length", "token_limit"])
def test_a_reply_that_was_cut_off_ends_in_a_word_that_released_steps_know(finish: str) -> None:
    outcome = read(text="I am s", finish_reason=finish)
    assert isinstance(outcome, Completion) and outcome.finish_reason in ("length", "max_tokens")


@pytest.mark.parametrize(
    "finish",
    ["error", "abort", "network_error", "insufficient_system_resource", "tool_calls", "cancelled", "unload", "null",
     "time_limit", "not_finished", "other", "\x1b[31m", "x" * 1000, "", "  ", None, 3, True, [], {}],
)  # fmt: skip
def test_any_other_ending_is_a_failure_that_may_pass_and_names_it(finish: Any) -> None:
    outcome = read(text="I am s", finish_reason=finish)
    assert isinstance(outcome, Failed) and outcome.transient
    named = isinstance(finish, str) and bool(finish.strip())
    assert ("the reply ended as" if named else "no finish_reason") in outcome.detail
    assert "I am s" not in outcome.detail and len(outcome.detail) < 500


def test_an_ending_that_is_not_there_is_no_good_one() -> None:
    body = answer_with("Hi")
    del body["choices"][0]["finish_reason"]
    outcome = reply_of(body).outcome
    assert isinstance(outcome, Failed) and outcome.reason is FailureReason.MALFORMED


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": -3}])
def test_an_empty_reply_without_usage_may_pass(usage: Any) -> None:
    outcome = reply_of({**answer_with(" \n"), "usage": usage}).outcome
    assert isinstance(outcome, Failed) and outcome.transient and "empty reply without usage" in outcome.detail


def test_an_empty_reply_with_usage_is_the_models() -> None:
    outcome = read(text="")
    assert isinstance(outcome, Completion) and outcome.text == ""


def test_tokens_spent_on_reasoning_are_a_cut_off_reply_and_not_a_failure() -> None:
    outcome = read(text=None, finish_reason="length")
    assert isinstance(outcome, Completion) and (outcome.text, outcome.finish_reason) == ("", "length")


@pytest.mark.parametrize(
    "changes",
    [
        {"text": None, "refusal": "I cannot help with that"},
        {"text": None, "finish_reason": "content_filter"},
        {"text": "", "finish_reason": "content_filter"},
        {"text": "I am s", "finish_reason": "content_filter"},
        {"text": "I am s", "finish_reason": "SAFETY"},
        {"text": "I am s", "finish_reason": "sensitive"},
        {"text": None, "content": [{"type": "refusal", "refusal": "No."}]},
    ],
)
def test_refusals_are_refused(changes: dict[str, Any]) -> None:
    outcome = read(**changes)
    assert isinstance(outcome, Failed) and outcome.reason is FailureReason.REFUSED and not outcome.transient


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'{"choices": []}', b'{"choices": [{}]}', b"<html>", b"[" * 100_000, b"\xff\xfe"],
)
def test_bodies_that_hold_no_reply_are_malformed(body: bytes) -> None:
    outcome = read_reply(SENT, body).outcome
    assert isinstance(outcome, Failed) and outcome.reason is FailureReason.MALFORMED and outcome.transient


def test_half_a_surrogate_pair_is_no_reply() -> None:
    outcome = read(text="broken \ud83d")
    assert isinstance(outcome, Failed) and outcome.reason is FailureReason.MALFORMED


@pytest.mark.parametrize(
    ("usage", "counts", "odd"),
    [
        ({"prompt_tokens": 12, "completion_tokens": 7}, (12, 7), False),
        (None, (0, 0), False),
        ({"prompt_tokens": None}, (0, 0), False),
        ({"prompt_tokens": 2**53 - 1, "completion_tokens": 7}, (0, 7), True),
        ({"prompt_tokens": 12, "completion_tokens": 2**53 - 1}, (12, 0), True),
        ({"prompt_tokens": -1, "completion_tokens": -1}, (0, 0), True),
        ({"prompt_tokens": 12, "completion_tokens": 64 * 100}, (12, 0), True),
        ({"prompt_tokens": 12, "completion_tokens": 2 * 64 + 1024}, (12, 2 * 64 + 1024), False),
        ({"prompt_tokens": 12, "completion_tokens": 2 * 64 + 1025}, (12, 0), True),
        ({"prompt_tokens": 1_000_000, "completion_tokens": 7}, (0, 7), True),
        ({"prompt_tokens": "12", "completion_tokens": 7.5}, (0, 0), True),
        ({"prompt_tokens": True, "completion_tokens": 7}, (0, 7), True),
        ({"completion_tokens": 9000, "completion_tokens_details": {"reasoning_tokens": 8950}}, (0, 9000), False),
    ],
)
def test_usage_that_no_call_can_have_counts_as_nothing_and_is_noticed(
    usage: Any, counts: tuple[int, int], odd: bool
) -> None:
    reply = reply_of({**answer_with("Hi"), "usage": usage})
    assert isinstance(reply.outcome, Completion)
    assert (reply.outcome.prompt_tokens, reply.outcome.completion_tokens) == counts
    assert reply.odd_usage is odd


def test_thoughts_beside_the_content_are_no_part_of_it() -> None:
    for name in ("reasoning_content", "reasoning"):
        assert read(text="Hi", **{name: "Let me think."}) == read(text="Hi")
        only_thoughts = read(text=None, **{name: "Let me think."})
        assert isinstance(only_thoughts, Completion) and only_thoughts.text == ""


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "Hi "}, {"type": "text", "text": "you"}], "Hi you"),
        ([{"type": "output_text", "text": "Hi"}], "Hi"),
        (["Hi"], "Hi"),
        ({"type": "text", "text": "Hi"}, "Hi"),
        ([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}], "<think>hm</think>Hi"),
        (
            [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Hi"}],
            "<think>hm</think>Hi",
        ),
        ([{"type": "reasoning", "text": "hm"}], "<think>hm</think>"),
        ([], ""),
    ],
)
def test_content_in_parts_is_read(content: Any, text: str) -> None:
    outcome = read(text=None, content=content)
    assert isinstance(outcome, Completion) and outcome.text == text


@pytest.mark.parametrize("content", [[{"type": "image_url"}], [{"type": "text"}], [3], [None], 5, {"type": "audio"}])
def test_content_that_is_no_text_is_malformed(content: Any) -> None:
    outcome = read(text=None, content=content)
    assert isinstance(outcome, Failed) and outcome.reason is FailureReason.MALFORMED


def test_makers_marks_are_rewritten_on_receipt() -> None:
    outcome = read(text="[THINK]hm[/THINK]Hi")
    assert isinstance(outcome, Completion) and outcome.text == "<think>hm</think>Hi"


def test_an_overlong_reply_is_named() -> None:
    outcome = read(text="a" * (MOST_REPLY + 1))
    assert isinstance(outcome, Failed) and f"more than {MOST_REPLY}" in outcome.detail


@pytest.mark.parametrize(
    ("served", "noticed"), [("mock", None), ("other", "other"), (None, None), ("", None), (3, None)]
)
def test_another_models_name_is_noticed(served: Any, noticed: str | None) -> None:
    assert reply_of({**answer_with("Hi"), "model": served}).served == noticed
