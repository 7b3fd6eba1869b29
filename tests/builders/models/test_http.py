"""Every way that a call over HTTP can end, against a real server."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from servers.asking import make_request
from servers.chat_server import ChatServer, Faults, RawAnswer, answer_with

from ipm_prefdial.builders.models._http import HttpCompleter
from ipm_prefdial.builders.models.budget import Meter
from ipm_prefdial.builders.models.endpoint import Endpoint
from ipm_prefdial.schemas.errors import EndpointError
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, Outcome, Request

KEY = "sk-very-secret-0123456789"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@asynccontextmanager
async def opened(
    url: str,
    *,
    key: str | None = None,
    name: str = "mock",
    timeout_s: float = 30.0,
    meter: Meter | None = None,
) -> AsyncIterator[HttpCompleter]:
    endpoint = Endpoint(name=name, base_url=url, key=SecretStr(key) if key else None)
    async with aiohttp.ClientSession() as session:
        yield HttpCompleter(endpoint, session, timeout_s, meter)


async def ask(server: ChatServer, request: Request | None = None, **options: Any) -> Outcome:
    async with opened(server.url, **options) as model:
        return await model.complete(request or make_request())


async def ask_raw(status: int, body: Any, headers: dict[str, str] | None = None, **options: Any) -> Outcome:
    with ChatServer(raw=lambda _: RawAnswer(status, body, headers or {})) as server:
        return await ask(server, **options)


def reason_of(outcome: Outcome) -> FailureReason:
    assert isinstance(outcome, Failed)
    return outcome.reason


async def test_reply_comes_with_usage_and_the_body_holds_the_request() -> None:
    request = make_request("Hello")
    with ChatServer() as server:
        outcome = await ask(server, request, key=KEY)
    assert outcome == Completion(
        key=request.key, text="You said: Hello", finish_reason="stop", prompt_tokens=12, completion_tokens=7
    )
    assert server.bodies == [
        {
            "model": "mock",
            "messages": list(request.messages),
            "temperature": 0.7,
            "top_p": 0.95,
            "max_tokens": 64,
            "seed": 7,
        }
    ]
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


async def test_no_key_sends_no_authorization() -> None:
    with ChatServer() as server:
        await ask(server)
    assert "Authorization" not in server.headers[0]


async def test_schema_is_sent_and_the_completion_says_so() -> None:
    with ChatServer() as server:
        outcome = await ask(server, make_request(schema=SCHEMA))
    assert isinstance(outcome, Completion) and outcome.structured
    assert server.bodies[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "verdict", "schema": SCHEMA, "strict": True},
    }


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        (Faults(rate_limited=1, retry_after_s=3), FailureReason.RATE_LIMITED),
        (Faults(server_error=1), FailureReason.SERVER_ERROR),
        (Faults(reset=1), FailureReason.CONNECTION),
        (Faults(cut=1), FailureReason.MALFORMED),
        (Faults(empty_choices=1), FailureReason.MALFORMED),
    ],
)
async def test_faults_are_failures_of_their_reason(faults: Faults, reason: FailureReason) -> None:
    with ChatServer(faults=faults) as server:
        outcome = await ask(server)
    assert isinstance(outcome, Failed)
    assert outcome.reason is reason and outcome.transient
    assert outcome.retry_after_s == (3 if reason is FailureReason.RATE_LIMITED else None)


@pytest.mark.parametrize(
    "faults", [Faults(fenced=1), Faults(prose=1), Faults(wrong_enum=1), Faults(straggle=1, straggler_s=0.01)]
)
async def test_replies_that_are_merely_odd_are_replies(faults: Faults) -> None:
    with ChatServer(lambda _: '{"a": "yes"}', faults=faults) as server:
        outcome = await ask(server)
    assert isinstance(outcome, Completion)
    assert (outcome.text == '{"a": "yes"}') == (faults.straggle == 1)


async def test_hanging_call_ends_at_its_deadline() -> None:
    with ChatServer(faults=Faults(hang=1)) as server:
        assert reason_of(await ask(server, timeout_s=0.2)) is FailureReason.TIMEOUT


async def test_refused_connection_names_host_and_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        async with opened(f"http://{place}/v1") as model:
            outcome = await model.complete(make_request())
    assert isinstance(outcome, Failed) and outcome.reason is FailureReason.CONNECTION
    assert place in outcome.detail


async def test_what_is_no_http_is_malformed() -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with opened(f"http://127.0.0.1:{port}/v1") as model:
        assert reason_of(await model.complete(make_request())) is FailureReason.MALFORMED
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"{", FailureReason.MALFORMED),
        (200, answer_with(None), FailureReason.MALFORMED),
        (200, answer_with(None, refusal="No."), FailureReason.REFUSED),
        (400, {"error": {"message": "too long", "code": "context_length_exceeded"}}, FailureReason.BAD_REQUEST),
        (400, {"error": {"message": "filtered", "code": "content_filter"}}, FailureReason.REFUSED),
        (413, b"too large", FailureReason.BAD_REQUEST),
        (503, b"<html>busy</html>", FailureReason.SERVER_ERROR),
    ],
)
async def test_answers_end_as_outcomes(status: int, body: Any, reason: FailureReason) -> None:
    assert reason_of(await ask_raw(status, body)) is reason


async def test_retry_after_of_an_overloaded_server_is_heeded() -> None:
    outcome = await ask_raw(503, b"", {"retry-after-ms": "250"})
    assert isinstance(outcome, Failed) and outcome.retry_after_s == 0.25


async def test_wrong_key_names_the_variables_and_never_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ChatServer(key="another") as server, pytest.raises(EndpointError, match="OPENAI_API_KEY") as caught:
        await ask(server, key=KEY)
    assert "HTTP 401" in str(caught.value) and "[key]" in str(caught.value)
    assert KEY not in str(caught.value) + repr(caught.value) + caplog.text
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("padding", range(240, 310, 7))
@pytest.mark.parametrize("status", [200, 400, 500])
async def test_key_in_what_a_server_says_is_masked_wherever_it_is_cut(status: int, padding: int) -> None:
    outcome = await ask_raw(status, {"error": {"message": "x" * padding + KEY}}, key=KEY)
    assert isinstance(outcome, Failed)
    assert KEY[:6] not in outcome.detail


async def test_missing_key_says_so() -> None:
    with ChatServer(key=KEY) as server, pytest.raises(EndpointError, match="a call without a key"):
        await ask(server)


async def test_unknown_model_lists_what_there_is() -> None:
    models = tuple(f"model-{number:02d}" for number in range(25))
    with ChatServer(models=models) as server, pytest.raises(EndpointError, match="HTTP 404") as caught:
        await ask(server, name="mock", key=KEY)
    assert "model-00" in str(caught.value) and "model-19" in str(caught.value) and "5 more" in str(caught.value)
    assert "model-20" not in str(caught.value)


async def test_wrong_path_says_that_there_is_no_list() -> None:
    with ChatServer() as server, pytest.raises(EndpointError, match="ends in /v1"):
        async with opened(server.url.removesuffix("/v1")) as model:
            await model.complete(make_request())


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (403, b"no", "refused a call without a key"),
        (402, {"error": "Insufficient Balance"}, "account is spent"),
        (429, {"error": {"message": "quota", "code": "insufficient_quota"}}, "account is spent"),
        (302, b"", "compare the base URL"),
        (405, b"", "compare the base URL"),
    ],
)
async def test_endpoint_that_is_of_no_use_ends_the_run(status: int, body: Any, says: str) -> None:
    with pytest.raises(EndpointError, match=says):
        await ask_raw(status, body)


@pytest.mark.parametrize("name", ["response_format", "seed", "top_p", "temperature"])
async def test_unknown_parameter_is_left_out_from_then_on(name: str, caplog: pytest.LogCaptureFixture) -> None:
    meter = Meter()
    with ChatServer(faults=Faults(unsupported=frozenset({name}))) as server:
        async with opened(server.url, meter=meter) as model:
            for text in ("one", "two"):
                outcome = await model.complete(make_request(text, schema=SCHEMA))
                assert isinstance(outcome, Completion)
                assert outcome.structured == (name != "response_format")
    assert [name in body for body in server.bodies] == [True, False, False]
    assert meter.without == {name}
    assert caplog.text.count("no longer sent") == 1


async def test_token_limit_goes_by_its_other_name() -> None:
    with ChatServer(faults=Faults(unsupported=frozenset({"max_tokens", "seed"}))) as server:
        assert isinstance(await ask(server), Completion)
    assert server.bodies[-1]["max_completion_tokens"] == 64
    assert len(server.bodies) == 3


async def test_endpoint_that_takes_next_to_nothing_is_asked_once_for_each_parameter() -> None:
    names = frozenset({"response_format", "seed", "top_p", "temperature", "max_tokens"})
    with ChatServer(faults=Faults(unsupported=names)) as server:
        assert isinstance(await ask(server, make_request(schema=SCHEMA)), Completion)
    assert len(server.bodies) == 6
    assert set(server.bodies[-1]) == {"model", "messages", "max_completion_tokens"}


async def test_endpoint_that_takes_no_token_limit_by_any_name_is_not_asked_without_one() -> None:
    with ChatServer(faults=Faults(unsupported=frozenset({"max_tokens", "max_completion_tokens"}))) as server:
        assert reason_of(await ask(server)) is FailureReason.BAD_REQUEST
    assert len(server.bodies) == 2


async def test_calls_that_were_in_flight_together_learn_once(caplog: pytest.LogCaptureFixture) -> None:
    meter = Meter()
    with ChatServer(faults=Faults(unsupported=frozenset({"seed"}))) as server:
        async with opened(server.url, meter=meter) as model:
            outcomes = await asyncio.gather(*(model.complete(make_request(f"row {n}")) for n in range(8)))
    assert all(isinstance(outcome, Completion) for outcome in outcomes)
    assert meter.without == {"seed"}
    assert caplog.text.count("no longer sent") == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": "This response_format type is unavailable now", "type": "invalid_request_error"}}),
        (400, {"error": {"message": "Invalid schema for response_format 'verdict'", "param": "response_format"}}),
        (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "response_format"]}]}),
        (400, {"message": "Unrecognized request argument supplied: response_format"}),
    ],
)
async def test_refusals_of_a_parameter_in_the_words_of_many_servers(status: int, body: Any) -> None:
    def refuse(sent: dict[str, Any]) -> RawAnswer | None:
        return RawAnswer(status, body) if "response_format" in sent else None

    with ChatServer(raw=refuse) as server:
        outcome = await ask(server, make_request(schema=SCHEMA))
    assert isinstance(outcome, Completion) and not outcome.structured


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens is too large: 50000. This model supports at most 4096 completion tokens.",
        "This model's maximum context length is 4096 tokens.",
        "'messages' must contain the word 'json' in some form",
    ],
)
async def test_other_bad_requests_are_not_taken_for_unknown_parameters(message: str) -> None:
    with ChatServer(raw=lambda _: RawAnswer(400, {"error": {"message": message}})) as server:
        assert reason_of(await ask(server)) is FailureReason.BAD_REQUEST
    assert len(server.bodies) == 1


async def test_reply_is_read_as_utf8_whatever_the_header_says() -> None:
    body = json.dumps(answer_with("naïve 你好"), ensure_ascii=False).encode()
    outcome = await ask_raw(200, body, {"Content-Type": "text/plain; charset=latin-1"})
    assert isinstance(outcome, Completion) and outcome.text == "naïve 你好"
