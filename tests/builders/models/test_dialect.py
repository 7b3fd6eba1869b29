"""Roles that an endpoint does not take are learnt once, and nothing of what was to be said is lost."""

import json
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.asking import make_request
from servers.batch_server import BatchServer
from servers.batching import ask_in_batches
from servers.chat_server import ChatServer, RawAnswer

from ipm_prefdial.builders.models._api_errors import ApiError
from ipm_prefdial.builders.models._dialect import REPEATED_ROLES, SYSTEM_ROLE, Dialect, RequestBody
from ipm_prefdial.builders.models._http import HttpCompleter
from ipm_prefdial.builders.models.batch.context import known_dialect
from ipm_prefdial.builders.models.batch.job import Queue
from ipm_prefdial.builders.models.batch.ledger import Ledger
from ipm_prefdial.builders.models.budget import Meter
from ipm_prefdial.builders.models.endpoint import Endpoint
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, Message, Request, Role

SYSTEM_REFUSED = [
    (400, {"object": "error", "message": "System role not supported", "type": "BadRequestError", "code": 400}),
    (422, {"error": "Template error: invalid operation: System role not supported (in <string>:1)"}),
    (500, {"error": {"code": 500, "message": "Jinja Exception: System role not supported", "type": "server_error"}}),
    (400, {"error": 'Error rendering prompt with jinja template: "Only user and assistant roles are supported!"'}),
    (400, {"message": "Conversation roles must alternate user/assistant/user/assistant/..."}),
    (400, {"error": {"message": "Developer instruction is not enabled for models/gemma-3-27b-it", "code": 400}}),
    (400, {"error": {"message": 'messages: Unexpected role "system". Use the top-level `system` parameter'}}),
    (422, {"detail": [{"loc": ["messages", 0], "msg": "Input should be 'user' or 'assistant'", "input": "system"}]}),
    (400, {"error": {"message": "'system' here", "param": "messages[0].role", "code": "unsupported_value"}}),
    (400, {"error_code": 336006, "error_msg": "the role of first message must be user"}),
    (400, {"error": {"message": "This model doesn't support system messages. Try again without a system message."}}),
    (200, {"error": {"message": "unsupported role: system", "code": "invalid_request_error"}}),
    (400, {"error": {"message": "Conversation must start with a user message"}}),
]  # fmt: skip
OTHERS = [
    (400, {"error": {"message": "This model's maximum context length is 4096 tokens."}}),
    (400, {"error": {"message": "Invalid request: the system prompt is too long"}}),
    (500, {"error": {"message": "unexpected internal system error"}}),
    (503, {"error": {"message": "The system is unavailable"}}),
    (400, {"error": {"message": "messages.0.role: Input should be 'user', 'assistant' or 'system'"}}),
    (400, {"error": {"message": "The first message must be from system or user"}}),
    (429, {"error": {"message": "System role not supported"}}),
]


def refusing_system(status: int, body: Any) -> Any:
    def refuse(sent: dict[str, Any]) -> RawAnswer | None:
        return RawAnswer(status, body) if any(one["role"] == "system" for one in sent["messages"]) else None

    return refuse


async def ask_twice(server: ChatServer, meter: Meter, request: Request | None = None) -> list[Any]:
    async with aiohttp.ClientSession() as session:
        model = HttpCompleter(Endpoint(name="mock", base_url=server.url), session, meter=meter)
        return [await model.complete(request or make_request(text)) for text in ("one", "two")]


@pytest.mark.parametrize(("status", "body"), SYSTEM_REFUSED)
async def test_a_refused_system_role_goes_into_the_first_user_turn(status: int, body: Any) -> None:
    meter = Meter()
    with ChatServer(raw=refusing_system(status, body)) as server:
        outcomes = await ask_twice(server, meter)
    assert all(isinstance(outcome, Completion) for outcome in outcomes)
    assert [outcome.key for outcome in outcomes] == [make_request(text).key for text in ("one", "two")]
    sent = [[(one["role"], one["content"]) for one in body["messages"]] for body in server.bodies]
    assert sent[1:] == [[("user", "Support.\n\none")], [("user", "Support.\n\ntwo")]]
    assert meter.snapshot().without == (SYSTEM_ROLE,)


@pytest.mark.parametrize(("status", "body"), OTHERS)
async def test_other_errors_say_nothing_of_the_system_role(status: int, body: Any) -> None:
    meter = Meter()
    with ChatServer(raw=lambda _: RawAnswer(status, body)) as server:
        outcomes = await ask_twice(server, meter)
    assert all(isinstance(outcome, Failed) for outcome in outcomes)
    assert len(server.bodies) == 2 and meter.snapshot().without == ()


async def test_an_endpoint_that_takes_neither_system_nor_two_turns_in_a_row() -> None:
    said = "After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."

    def refuse(body: dict[str, Any]) -> RawAnswer | None:
        roles = [one["role"] for one in body["messages"]]
        if any(one == other for one, other in pairwise(roles)):
            return RawAnswer(400, {"message": said})
        return RawAnswer(400, {"message": "System role not supported"}) if "system" in roles else None

    messages: tuple[Message, ...] = (
        {"role": "system", "content": "S"},
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": "c"},
        {"role": "user", "content": "d"},
    )
    meter, request = Meter(), make_request().model_copy(update={"messages": messages})
    with ChatServer(raw=refuse) as server:
        outcomes = await ask_twice(server, meter, request)
    assert all(isinstance(outcome, Completion) for outcome in outcomes)
    last = [(one["role"], one["content"]) for one in server.bodies[-1]["messages"]]
    assert last == [("user", "S\n\na\n\nb"), ("assistant", "c"), ("user", "d")]
    assert meter.snapshot().without == (REPEATED_ROLES, SYSTEM_ROLE)
    assert len(server.bodies) == 4


async def test_a_refusal_that_goes_on_without_the_system_role_is_a_bad_request() -> None:
    with ChatServer(raw=lambda _: RawAnswer(400, {"message": "System role not supported"})) as server:
        outcomes = await ask_twice(server, Meter())
    assert [outcome.reason for outcome in outcomes] == [FailureReason.BAD_REQUEST] * 2
    assert len(server.bodies) == 3


def test_batches_learn_the_same_and_the_next_run_knows_it(tmp_path: Any) -> None:
    requests = [make_request(f"row {number}") for number in range(6)]
    with BatchServer(raw=refusing_system(400, {"message": "System role not supported"})) as server:
        outcomes = ask_in_batches(server.url, tmp_path, requests)
        assert [outcome.key for outcome in outcomes] == [request.key for request in requests]
        assert all(isinstance(outcome, Completion) for outcome in outcomes)
        assert isinstance(outcomes[0], Completion) and outcomes[0].text == "You said: Support.\n\nrow 0"
        meter = Meter()
        with Ledger(tmp_path / "batches.sqlite") as ledger:
            known_dialect(ledger, Queue(server.url, "mock", Role.RESPONDER), meter)
    assert meter.snapshot().without == (SYSTEM_ROLE,)


turns = st.lists(
    st.builds(lambda role, text: {"role": role, "content": text}, st.sampled_from(["user", "assistant"]), st.text()),
    min_size=1,
    max_size=6,
)


@given(
    system=st.lists(st.text(), max_size=2), rest=turns, without=st.sets(st.sampled_from([SYSTEM_ROLE, REPEATED_ROLES]))
)
def test_whatever_is_refused_every_word_is_sent_in_its_order(
    system: list[str], rest: list[Message], without: set[str]
) -> None:
    told: list[Message] = [{"role": "system", "content": text} for text in system]
    request = make_request().model_copy(update={"messages": (*told, *rest)})
    body = Dialect("here", without=without).body(request)
    sent = json.loads(body.data)["messages"]
    words = [one["content"] for one in (*told, *rest)]
    assert "".join(one["content"] for one in sent).replace("\n\n", "") == "".join(words).replace("\n\n", "")
    assert not (without & body.names) or (without == {SYSTEM_ROLE} and REPEATED_ROLES in body.names)


def test_a_role_that_was_not_sent_is_not_learnt() -> None:
    sent = RequestBody.of({"messages": [{"role": "user", "content": "x"}]})
    assert not Dialect("here").learn(ApiError("System role not supported"), sent, 400)
