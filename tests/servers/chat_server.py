"""A fake OpenAI-compatible server with settable faults, for tests of whatever asks a model.

    with ChatServer(reply=lambda body: "I hear you.", faults=Faults(rate_limited=0.05)) as server:
        ...  # ask server.url
    assert server.asked.total() == 100

It listens on loopback in a thread of its own. Which request meets which fault is decided by the seed, the request's
body and how often that body came before: so a run is the same whatever order its requests come in. As a program, with
a flag for each fault, it prints its URL on the first line and serves until it is stopped; `/stats` tells the counters:

    python -m servers.chat_server --latency_s 0.05 --rate_limited 0.05
"""

import argparse
import asyncio
import hashlib
import json
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from types import TracebackType
from typing import Any, Self

from aiohttp import web


@dataclass(frozen=True)
class Faults:
    """Shares of requests (0 to 1) that meet a fault; at most one each, so that their sum is at most 1."""

    rate_limited: float = 0.0
    """429 with `Retry-After`."""
    server_error: float = 0.0
    """500."""
    reset: float = 0.0
    """The connection is reset instead of an answer."""
    cut: float = 0.0
    """200, and half of the body that its length promises."""
    hang: float = 0.0
    """No answer, until the server closes."""
    straggle: float = 0.0
    """The right answer, after `straggler_s`."""
    empty_choices: float = 0.0
    """200 with an empty list of choices."""
    fenced: float = 0.0
    """The right reply in a ```json fence."""
    prose: float = 0.0
    """The right reply with words before and after it."""
    wrong_enum: float = 0.0
    """The right reply, if it is a JSON object, with every text in it replaced by one that is not a label."""

    retry_after_s: float = 0.0
    """What a 429 asks to wait."""
    straggler_s: float = 1.0
    """Seconds that a straggler takes."""
    unsupported: frozenset[str] = frozenset()
    """Parameters that get a 400 as OpenAI words it, always."""


@dataclass(frozen=True)
class RawAnswer:
    """An answer to be sent as it is."""

    status: int
    body: Any = b""
    """Bytes as they are, anything else as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)


SHARES = tuple(entry.name for entry in fields(Faults) if entry.default == 0.0 and entry.name != "retry_after_s")
"""The names of the faults that are shares."""


def body_id(body: Mapping[str, Any]) -> str:
    """The name of a request body in the counters."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def answer_with(text: str | None, *, finish_reason: str = "stop", **message: Any) -> dict[str, Any]:
    """A ChatCompletion that says `text`; more of the message, such as a refusal, by name."""
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "mock",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": finish_reason,
            }
        ],
        "usage": {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19},
    }


def _echo(body: dict[str, Any]) -> str:
    return f"You said: {body['messages'][-1]['content']}"


class ChatServer:
    """The server, as a context manager; `url` is a base URL that ends in `/v1`.

    Args:
        reply: what the model says to a request body.
        faults: what goes wrong, and how often.
        raw: looked at first; an answer from it goes out as it is, None leaves the request to the rest.
        key: where set, other keys than this get a 401.
        models: what there is; another name gets a 404.
        latency_s: seconds before every answer but a 429.
        seed: decides which request meets which fault.
    """

    def __init__(
        self,
        reply: Callable[[dict[str, Any]], str] = _echo,
        *,
        faults: Faults | None = None,
        raw: Callable[[dict[str, Any]], RawAnswer | None] | None = None,
        key: str | None = None,
        models: tuple[str, ...] = ("mock",),
        latency_s: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.reply = reply
        self.faults = faults or Faults()
        self.raw = raw
        self.key = key
        self.models = models
        self.latency_s = latency_s
        self.seed = seed
        self.asked: Counter[str] = Counter()
        """How often each body came, by `body_id`."""
        self.answered: Counter[str] = Counter()
        """How often each body got a whole reply."""
        self.met: Counter[str] = Counter()
        """How often each fault was met."""
        self.bodies: list[dict[str, Any]] = []
        """Every body, in the order in which they came."""
        self.headers: list[dict[str, str]] = []
        """The headers of each, in the same order."""
        self.in_flight = 0
        self.max_in_flight = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="chat server", daemon=True)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the chat server did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def stats(self) -> dict[str, Any]:
        """The counters, for JSON."""
        return {
            "asked": dict(self.asked),
            "answered": dict(self.answered),
            "met": dict(self.met),
            "max_in_flight": self.max_in_flight,
        }

    def _serve(self) -> None:
        try:
            self._loop.run_until_complete(self._run())
        finally:
            self._loop.close()

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        app = web.Application(client_max_size=2**30)
        self.add_routes(app.router)
        runner = web.AppRunner(app, shutdown_timeout=0.0, handler_cancellation=True, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Says which paths there are; a server that has more adds its own."""
        router.add_post("/v1/chat/completions", self._complete)
        router.add_get("/v1/models", self._list_models)
        router.add_get("/stats", self._show_stats)

    async def _list_models(self, _request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})

    async def _show_stats(self, _request: web.Request) -> web.Response:
        return web.json_response(self.stats())

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        name = body_id(body)
        self.asked[name] += 1
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            return self._refuse(request, body) or await self._answer(request, body, name)
        finally:
            self.in_flight -= 1

    def _refuse(self, request: web.Request, body: dict[str, Any]) -> web.Response | None:
        """An answer that comes at once and is the same every time, if there is one."""
        if self.raw is not None and (raw := self.raw(body)) is not None:
            data = raw.body if isinstance(raw.body, bytes) else json.dumps(raw.body).encode()
            headers = {"Content-Type": "application/json", **raw.headers}
            return web.Response(status=raw.status, body=data, headers=headers)
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            given = request.headers.get("Authorization", "none")
            return error_answer(401, f"Incorrect API key provided: {given}", "invalid_api_key")
        if body["model"] not in self.models:
            return error_answer(404, f"The model `{body['model']}` does not exist", "model_not_found")
        for name in sorted(self.faults.unsupported & body.keys()):
            said = f"Unsupported parameter: '{name}' is not supported with this model."
            return error_answer(400, said, "unsupported_parameter", name)
        return None

    async def _answer(self, request: web.Request, body: dict[str, Any], name: str) -> web.StreamResponse:
        fault = self._pick_fault(name)
        if fault is not None:
            self.met[fault] += 1
        if fault == "rate_limited":
            wait = {"Retry-After": f"{self.faults.retry_after_s:g}"}
            return error_answer(429, "Rate limit reached", "rate_limit_exceeded", headers=wait)
        await asyncio.sleep(self.faults.straggler_s if fault == "straggle" else self.latency_s)
        match fault:
            case "server_error":
                return error_answer(500, "The server had an error", "server_error")
            case "reset":
                return reset(request)
            case "hang":
                await asyncio.Event().wait()
        text = self.reply(body)
        answer = answer_with(_REWRITES[fault](text) if fault in _REWRITES else text) | {"model": body["model"]}
        if fault == "empty_choices":
            answer["choices"] = []
        data = json.dumps(answer).encode()
        if fault == "cut":
            return await cut(request, data)
        self.answered[name] += fault != "empty_choices"
        return web.Response(body=data, content_type="application/json")

    def _pick_fault(self, name: str) -> str | None:
        at = random.Random(f"{self.seed}:{name}:{self.asked[name]}").random()
        for fault in SHARES:
            at -= getattr(self.faults, fault)
            if at < 0:
                return fault
        return None


def _fence(text: str) -> str:
    return f"```json\n{text}\n```"


def _wrap_in_prose(text: str) -> str:
    return f"Sure! Here is my assessment:\n\n{text}\n\nLet me know if you need anything else."


def _spoil_labels(text: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return json.dumps(
        {name: "perhaps" if isinstance(value, str) else value for name, value in found.items()}
        if isinstance(found, dict)
        else found
    )


_REWRITES: dict[str | None, Callable[[str], str]] = {
    "fenced": _fence,
    "prose": _wrap_in_prose,
    "wrong_enum": _spoil_labels,
}


def error_answer(
    status: int, message: str, code: str, param: str | None = None, headers: Mapping[str, str] | None = None
) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "code": code, "param": param}
    return web.json_response({"error": error}, status=status, headers=headers)


def reset(request: web.Request) -> web.Response:
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


async def cut(request: web.Request, data: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(data))})
    await response.prepare(request)
    with suppress(ConnectionError):
        await response.write(data[: len(data) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in (*SHARES, "retry_after_s", "straggler_s"):
        parser.add_argument(f"--{name}", type=float, default=getattr(Faults, name))
    parser.add_argument("--unsupported", nargs="*", default=[], help="parameters that get a 400")
    parser.add_argument("--reply", help="the text of every reply; the default repeats the question")
    parser.add_argument("--latency_s", type=float, default=0.0)
    parser.add_argument("--port", type=int, default=0, help="the default takes a free one")
    parser.add_argument("--seed", type=int, default=0)
    options = vars(parser.parse_args())
    reply, latency_s, port, seed = (options.pop(name) for name in ("reply", "latency_s", "port", "seed"))
    faults = Faults(**{**options, "unsupported": frozenset(options["unsupported"])})
    server = ChatServer(_echo if reply is None else lambda _: reply, faults=faults, latency_s=latency_s, seed=seed)
    server.port = port
    with server:
        print(server.url, flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
