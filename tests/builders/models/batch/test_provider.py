"""A provider's answers have bounds and hold nothing that a terminal obeys, whoever reads them."""

import asyncio
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiohttp import web

from ipm_prefdial.builders.models.batch._provider import Provider, Unsettled
from ipm_prefdial.builders.models.endpoint import Endpoint

BATCH = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "completion_window": "24h",
    "input_file_id": "file_1",
    "created_at": 1,
    "status": "in_progress",
}


@contextmanager
def provider(handle: Any) -> Iterator[Provider]:
    """A provider that answers every call by `handle`."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    place: list[int] = []

    async def run() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.0, handler_cancellation=True, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        place.append(runner.addresses[0][1])
        ready.set()
        await stop.wait()
        await runner.cleanup()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    ready.wait(10)
    opened = Provider(Endpoint(name="mock", base_url=f"http://127.0.0.1:{place[0]}/v1"), timeout_s=5.0)
    try:
        yield opened
    finally:
        opened.close()
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def packed(data: bytes) -> web.Response:
    return web.Response(body=gzip.compress(data), headers={"Content-Encoding": "gzip"}, content_type="application/json")


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" " * 65_536)


async def bomb(_request: web.Request) -> web.StreamResponse:
    return packed(b" " * 30_000_000)


async def brotli(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"x", headers={"Content-Encoding": "br"})


@pytest.mark.parametrize(
    ("handle", "says"), [(endless, "more than 4 MB"), (bomb, "more than 4 MB"), (brotli, "not asked for")]
)
def test_an_answer_without_bound_is_named(handle: Any, says: str) -> None:
    with provider(handle) as opened:
        with pytest.raises(Unsettled, match=says):
            opened.retrieve("batch_1")
        with pytest.raises(Unsettled, match=says):
            opened.download("file_1", 0)


def test_packed_answers_are_read() -> None:
    data = b"x" * 5_000_000

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/content"):
            return packed(data)
        if "/files/" in request.path:
            return packed(json.dumps({"id": "file_1", "object": "file", "bytes": len(data)}).encode())
        return packed(json.dumps(BATCH).encode())

    with provider(answer) as opened:
        found = opened.retrieve("batch_1")
        assert found is not None and found.status == "in_progress"
        assert opened.download("file_1", 10) == data


@pytest.mark.parametrize("field", ["id", "output_file_id", "error_file_id"])
def test_an_id_that_is_none_is_refused(field: str) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({**BATCH, field: "batch\x1b[31m_1"})

    with provider(answer) as opened, pytest.raises(Unsettled, match="not an id") as caught:
        opened.retrieve("batch_1")
    assert str(caught.value).isprintable()


def test_a_status_is_shown_as_text() -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({**BATCH, "status": "in\x1b[31m_progress\x07"})

    with provider(answer) as opened:
        found = opened.retrieve("batch_1")
    assert found is not None and found.status == "in_progress"
