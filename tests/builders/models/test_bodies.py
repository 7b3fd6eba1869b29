"""A body has a bound on the wire, inflated and in time, and none of them holds the other calls up."""

import asyncio
import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.asking import make_request
from servers.chat_server import answer_with

from ipm_prefdial.builders.models._bodies import MOST_BYTES, CodingError, inflate
from ipm_prefdial.builders.models._http import HttpCompleter
from ipm_prefdial.builders.models.endpoint import Endpoint
from ipm_prefdial.schemas.errors import EndpointError
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, Outcome

MB = 2**20
OK = json.dumps(answer_with("I hear you.")).encode()
Write = Callable[[asyncio.StreamWriter], Awaitable[None]]


def bomb(megabytes: int, coding: str = "gzip") -> bytes:
    """A thousandth of its size, built without holding the whole."""
    window = {"gzip": 31, "deflate": 15, "raw deflate": -15}[coding]
    packer, piece = zlib.compressobj(9, zlib.DEFLATED, window), b" " * MB
    return b"".join([*(packer.compress(piece) for _ in range(megabytes)), packer.flush()])


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


@asynccontextmanager
async def serving(write: Write) -> AsyncIterator[str]:
    """The base URL of a server that answers each request with what `write` writes."""

    answering: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())  # type: ignore[arg-type]
        with closing_at_once(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    await reader.readexactly(int(line.split(b":")[1]))
            await write(writer)
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)


@contextmanager
def closing_at_once(writer: asyncio.StreamWriter) -> Iterator[None]:
    """Nothing of a connection is left, however its answer ended: a client that was told too much hangs up."""
    try:
        yield
    finally:
        writer.transport.abort()


async def ask(write: Write, timeout_s: float = 20.0) -> Outcome:
    async with serving(write) as url, aiohttp.ClientSession() as session:
        return await HttpCompleter(Endpoint(name="mock", base_url=url), session, timeout_s).complete(make_request())


def reason_of(outcome: Outcome) -> FailureReason:
    assert isinstance(outcome, Failed)
    return outcome.reason


def sending(body: bytes, headers: str = "", status: str = "200 OK") -> Write:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)
        await writer.drain()

    return write


def endless(piece: bytes, pause_s: float = 0.0, status: str = "200 OK") -> Write:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        while True:
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
            await asyncio.sleep(pause_s)

    return write


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(OK)),
        ("x-gzip", gzip.compress(OK)),
        ("gzip", gzip.compress(OK[:50]) + gzip.compress(OK[50:])),
        ("deflate", zlib.compress(OK)),
        ("deflate", raw_deflate(OK)),
        ("identity", OK),
    ],
)
async def test_packed_answers_are_read(coding: str, packed: bytes) -> None:
    outcome = await ask(sending(packed, f"Content-Encoding: {coding}\r\n"))
    assert isinstance(outcome, Completion) and outcome.text == "I hear you."


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate"])
async def test_a_body_that_inflates_without_end_is_named_and_takes_no_room(coding: str) -> None:
    packed = bomb(200, coding)
    assert len(packed) < MB
    tracemalloc.start()
    outcome = await ask(sending(packed, f"Content-Encoding: {coding.split()[-1]}\r\n"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (
        isinstance(outcome, Failed) and outcome.reason is FailureReason.MALFORMED and "more than 4 MB" in str(outcome)
    )
    assert peak < 6 * MOST_BYTES


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "\x1b[31m"])
async def test_a_coding_that_was_not_asked_for_is_not_read(coding: str) -> None:
    outcome = await ask(sending(b"x" * 100, f"Content-Encoding: {coding}\r\n"))
    assert reason_of(outcome) is FailureReason.MALFORMED
    assert str(outcome).isprintable()


@pytest.mark.parametrize("packed", [b"no gzip", gzip.compress(OK)[:-20], gzip.compress(b"") * 1000])
async def test_damaged_packing_is_named(packed: bytes) -> None:
    outcome = await ask(sending(packed, "Content-Encoding: gzip\r\n"))
    assert reason_of(outcome) is FailureReason.MALFORMED


async def test_an_endless_body_is_named_and_the_connection_closed() -> None:
    outcome = await ask(endless(b" " * 65_536))
    assert (
        isinstance(outcome, Failed) and outcome.reason is FailureReason.MALFORMED and "more than 4 MB" in str(outcome)
    )


@pytest.mark.parametrize(
    ("status", "reason"), [("503 Busy", FailureReason.SERVER_ERROR), ("400 No", FailureReason.BAD_REQUEST)]
)
async def test_an_endless_error_is_still_the_error(status: str, reason: FailureReason) -> None:
    outcome = await ask(endless(b"no! " * 1000, status=status))
    assert reason_of(outcome) is reason and len(str(outcome)) < 600


async def test_the_deadline_holds_while_a_body_drips() -> None:
    began = time.monotonic()
    outcome = await ask(endless(b" ", pause_s=0.02), timeout_s=0.3)
    assert reason_of(outcome) is FailureReason.TIMEOUT
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("headers", ["".join(f"X-{n}: y\r\n" for n in range(2000)), f"X: {'y' * 200_000}\r\n"])
async def test_endless_headers_are_named(headers: str) -> None:
    outcome = await ask(sending(OK, headers))
    assert reason_of(outcome) is FailureReason.MALFORMED and len(str(outcome)) < 600


async def test_an_endless_list_of_models_ends() -> None:
    async def write(writer: asyncio.StreamWriter) -> None:
        if not asked:
            asked.append(True)
            await sending(b'{"error": {"message": "no such model"}}', status="404 Not Found")(writer)
        else:
            await endless(b'{"data": [' + b'{"id": "m"},' * 1000)(writer)

    asked: list[bool] = []
    with pytest.raises(EndpointError, match="lists no models"):
        await ask(write)


@given(st.binary(max_size=400), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_inflate_or_are_named(data: bytes, coding: str) -> None:
    with suppress(CodingError):
        assert len(inflate(data, coding, 1000).data) <= 1000


@given(st.binary(max_size=5000), st.integers(1, 6000))
def test_what_was_packed_comes_back_up_to_its_bound(data: bytes, most: int) -> None:
    for coding, packed in (("gzip", gzip.compress(data)), ("deflate", zlib.compress(data))):
        body = inflate(packed, coding, most)
        assert body.data == data[:most] and body.whole is (len(data) <= most)
