"""What an endpoint's errors mean, whatever their form, and nothing of them reaches a terminal as more than text."""

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.chat_server import answer_with

from ipm_prefdial.builders.models._api_errors import (
    ApiError,
    HttpAnswer,
    error_in,
    read_error,
    read_failure,
    read_retry_after,
    shorten,
)
from ipm_prefdial.builders.models._replies import Sent, read_reply
from ipm_prefdial.schemas.inference import Completion, FailureReason

SENT = Sent("k", "mock", structured=False, size=400, max_tokens=64)


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
    failed = read_failure("k", HttpAnswer(status, {"Retry-After": "3"}, b""), error)
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


@given(st.text() | st.text("\x00\x07\x1b\x9b[]0;31mK\u202e\u2066\u200b\ufeff\x85 a"))
def test_details_hold_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = shorten(text)
    assert shown.isprintable()
    assert shorten(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("\x9b2Jcleared", "cleared"),
        ("a\u202eb\u2066c\u200bd\x00\x85e", "abcd e"),
        ("naïve 你好 🙂", "naïve 你好 🙂"),
    ],
)
def test_what_a_detail_shows(text: str, shown: str) -> None:
    assert shorten(text) == shown


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        # A spent account, a wrong key, an unknown model: of no use at all.
        ({"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": 429}}, None),
        ({"error": {"message": "Insufficient Balance", "code": "invalid_request_error"}}, None),
        ({"error": {"message": "Insufficient credits", "code": 402}}, None),
        ({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}, None),
        ({"base_resp": {"status_code": 1004, "status_msg": "login fail: please carry the API key"}}, None),
        ({"error_code": 110, "error_msg": "invalid access token"}, None),
        ({"code": "InvalidApiKey", "message": "Invalid API-key provided.", "request_id": "1"}, None),
        ({"error": "model 'mock' not found, try pulling it first"}, None),
        # In passing.
        ({"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}, FailureReason.RATE_LIMITED),
        ({"error": {"message": "slow down", "code": 429}}, FailureReason.RATE_LIMITED),
        ({"error": {"message": "Too many requests", "code": None}}, FailureReason.RATE_LIMITED),
        ({"error": {"message": "Provider returned error", "code": 502}}, FailureReason.SERVER_ERROR),
        ({"error": {"message": "overloaded", "type": "overloaded_error"}}, FailureReason.SERVER_ERROR),
        ({"error": "CUDA out of memory"}, FailureReason.SERVER_ERROR),
        ({"errors": [{"code": 3040, "message": "Capacity temporarily exceeded"}]}, FailureReason.SERVER_ERROR),
        ({"object": "error", "message": "engine is dead", "code": 50002}, FailureReason.SERVER_ERROR),
        # For good.
        ({"error": {"message": "filtered", "code": "content_filter"}}, FailureReason.REFUSED),
        ({"error": {"message": "Content Exists Risk", "code": "invalid_request_error"}}, FailureReason.REFUSED),
        ({"error": {"message": "too long", "code": "context_length_exceeded"}}, FailureReason.BAD_REQUEST),
        ({"object": "error", "message": "no", "type": "BadRequestError", "code": 400}, FailureReason.BAD_REQUEST),
    ],
)
def test_an_error_under_200_is_read_as_the_error_that_it_is(body: dict[str, Any], reason: FailureReason | None) -> None:
    read = read_reply(SENT, json.dumps(body).encode()).outcome
    assert isinstance(read, ApiError)
    failed = read_failure("k", HttpAnswer(200, {}, b""), read)
    assert (failed.reason if failed else None) == reason
    assert failed is None or "under HTTP 200" in failed.detail


@pytest.mark.parametrize("place", ["top", "choice", "message"])
def test_an_error_beside_a_partial_reply_is_the_error(place: str) -> None:
    body = answer_with("I am s", finish_reason="stop")
    where = {"top": body, "choice": body["choices"][0], "message": body["choices"][0]["message"]}[place]
    where["error"] = {"message": "Upstream went away", "code": 502}
    read = read_reply(SENT, json.dumps(body).encode()).outcome
    assert isinstance(read, ApiError) and read.status == 502


@pytest.mark.parametrize("nothing", [None, {}, "", [], 0, False])
def test_an_error_field_that_says_nothing_is_none(nothing: Any) -> None:
    assert error_in({"error": nothing, "base_resp": {"status_code": 0, "status_msg": "success"}}) is None
    assert isinstance(
        read_reply(SENT, json.dumps({**answer_with("Hi"), "error": nothing}).encode()).outcome, Completion
    )
