"""Whatever an endpoint says has a meaning, and nothing that it says raises."""

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.chat_server import answer_with

from ipm_prefdial.builders.inference.replies import (
    Answer,
    ApiError,
    model_names,
    read_error,
    read_failure,
    read_reply,
    read_retry_after,
    shorten,
)
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


@given(st.binary() | anything.map(lambda value: json.dumps(value).encode()))
def test_any_body_means_something(body: bytes) -> None:
    outcome = read_reply("k", body, structured=False)
    assert isinstance(outcome, Completion | Failed)
    assert isinstance(read_error(body).message, str)
    assert isinstance(model_names(body), list)


@given(anything, anything, anything)
def test_any_message_means_something(content: Any, refusal: Any, usage: Any) -> None:
    body = answer_with(None, content=content, refusal=refusal)
    outcome = read_reply("k", json.dumps({**body, "usage": usage}).encode(), structured=True)
    if isinstance(content, str) and not refusal:
        assert isinstance(outcome, Completion) and outcome.structured
    else:
        assert isinstance(outcome, Failed)


def read(**changes: Any) -> Completion | Failed:
    return read_reply("k", json.dumps(answer_with(**changes)).encode(), structured=False)


def test_reply_is_read_with_its_usage() -> None:
    assert read(text="Hello") == Completion(
        key="k", text="Hello", finish_reason="stop", prompt_tokens=12, completion_tokens=7
    )


@pytest.mark.parametrize("finish", [None, 3, "stop", "length"])
def test_finish_reason_is_the_endpoints_word(finish: Any) -> None:
    outcome = read(text="", finish_reason=finish)
    assert isinstance(outcome, Completion)
    assert outcome.finish_reason == (finish if isinstance(finish, str) else "unknown")


def test_tokens_spent_on_reasoning_are_a_cut_off_reply_and_not_a_failure() -> None:
    outcome = read(text=None, finish_reason="length")
    assert isinstance(outcome, Completion) and (outcome.text, outcome.finish_reason) == ("", "length")


@pytest.mark.parametrize(
    "changes",
    [
        {"text": None, "refusal": "I cannot help with that"},
        {"text": None, "finish_reason": "content_filter"},
        {"text": "", "finish_reason": "content_filter"},
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
    outcome = read_reply("k", body, structured=False)
    assert isinstance(outcome, Failed) and outcome.reason is FailureReason.MALFORMED and outcome.transient


def test_half_a_surrogate_pair_is_no_reply() -> None:
    outcome = read(text="broken \ud83d")
    assert isinstance(outcome, Failed) and outcome.reason is FailureReason.MALFORMED


def test_error_in_a_body_of_200_is_quoted() -> None:
    outcome = read_reply("k", b'{"error": {"message": "upstream is down", "code": 502}}', structured=False)
    assert isinstance(outcome, Failed) and "upstream is down (502)" in outcome.detail


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error": {"message": "m", "code": "c", "param": "p"}}', ApiError("m", "c", "p")),
        (b'{"error": {"message": "m", "type": "t", "code": null}}', ApiError("m", "t")),
        (b'{"error": "m"}', ApiError("m")),
        (b'{"detail": "m"}', ApiError("m")),
        (b'{"detail": [{"loc": ["body", "seed"]}]}', ApiError('[{"loc": ["body", "seed"]}]')),
        (b'{"object": "error", "message": "m", "type": "BadRequestError"}', ApiError("m", "BadRequestError")),
        (b"Bad Gateway", ApiError("Bad Gateway")),
        (b"", ApiError("an empty answer")),
        (b"[1]", ApiError("[1]")),
    ],
)
def test_error_bodies_of_many_servers(body: bytes, error: ApiError) -> None:
    assert read_error(body) == error


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (429, ApiError("slow down"), FailureReason.RATE_LIMITED),
        (500, ApiError("oops"), FailureReason.SERVER_ERROR),
        (503, ApiError("loading"), FailureReason.SERVER_ERROR),
        (529, ApiError("overloaded"), FailureReason.SERVER_ERROR),
        (408, ApiError("late"), FailureReason.SERVER_ERROR),
        (409, ApiError("conflict"), FailureReason.SERVER_ERROR),
        (400, ApiError("context too long"), FailureReason.BAD_REQUEST),
        (413, ApiError("too large"), FailureReason.BAD_REQUEST),
        (422, ApiError("no"), FailureReason.BAD_REQUEST),
        (400, ApiError("filtered", "content_filter"), FailureReason.REFUSED),
        (400, ApiError("Content Exists Risk"), FailureReason.REFUSED),
        (403, ApiError("your input was flagged"), FailureReason.REFUSED),
        (401, ApiError("key"), None),
        (402, ApiError("pay"), None),
        (403, ApiError("country"), None),
        (404, ApiError("model"), None),
        (307, ApiError("elsewhere"), None),
        (429, ApiError("quota", "insufficient_quota"), None),
    ],
)
def test_every_status_is_a_failure_or_the_end(status: int, error: ApiError, reason: FailureReason | None) -> None:
    failed = read_failure("k", Answer(status, {"Retry-After": "3"}, b""), error)
    assert (failed.reason if failed else None) == reason
    if failed and failed.transient:
        assert failed.retry_after_s == 3


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "2"}, 2.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "-4"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
        ({"retry-after-ms": "1500", "Retry-After": "9"}, 1.5),
        ({"retry-after-ms": "x", "Retry-After": "9"}, 9.0),
        ({"Retry-After": format_datetime(datetime.fromtimestamp(1_000_030, UTC), usegmt=True)}, 30.0),
        ({"Retry-After": format_datetime(datetime.fromtimestamp(999_000, UTC), usegmt=True)}, 0.0),
    ],
)
def test_wait_that_is_asked_for(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers, now=lambda: 1_000_000.0) == seconds


@given(st.text())
def test_any_wait_that_is_asked_for_is_a_number_or_nothing(text: str) -> None:
    wait = read_retry_after({"Retry-After": text})
    assert wait is None or wait >= 0


def test_details_are_short_and_on_one_line() -> None:
    assert shorten("a\nb\tc") == "a b c"
    assert len(shorten("x" * 10_000)) < 310
