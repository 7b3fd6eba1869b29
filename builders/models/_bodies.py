"""Reads a foreign body within bounds: of the bytes that come, of what they inflate to, and of time.

Bodies are inflated here, a piece at a time, and not by the HTTP library: a gzip body inflates to a thousand times its
size. Only gzip and deflate are asked for; a body in another coding was not asked for and is not read.
"""

import asyncio
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from aiohttp import ClientResponse

ACCEPTED = "gzip, deflate"
"""For the `Accept-Encoding` header."""
MOST_BYTES = 4 * 2**20
"""Largest size of a body, on the wire and inflated: twenty times the longest reply with its thoughts."""
MOST_ERROR_BYTES = 256 * 2**10
"""Largest size of a body that only explains an error."""
# Bytes on the wire that are inflated at once; more go to a thread, so that no other call waits.
_INFLATED_IN_THE_LOOP = 4_096
# Compressed answers are inflated piece by piece, so that a small body cannot fill the memory.
_PIECE = 256 * 2**10
# A compressed body may be of several members, and inflating each copies the rest.
_MEMBERS = 64
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class OverlongError(ValueError):
    """A body is over its bound."""


class CodingError(ValueError):
    """A body is in a coding that was not asked for, or is not what its coding says."""


class ResponseBody(NamedTuple):
    """A body as far as it was read."""

    data: bytes
    whole: bool


async def read_body(response: "ClientResponse", most: int = MOST_BYTES) -> bytes:
    """The body, inflated; the response has to come from a call with `auto_decompress=False`.

    Raises:
        OverlongError: it is longer than `most`, on the wire or inflated; the connection is closed then.
        CodingError: it cannot be inflated.
    """
    body = await read_head(response, most)
    if not body.whole:
        raise OverlongError(f"an answer of more than {_size(most)}")
    return body.data


async def read_head(response: "ClientResponse", most: int) -> ResponseBody:
    """The first `most` bytes of the body, inflated; where there are more, the connection is closed.

    Raises:
        CodingError: it cannot be inflated.
    """
    coding = coding_of(response.headers)
    pieces, size, whole = list[bytes](), 0, True
    while piece := await response.content.readany():
        pieces.append(piece)
        size += len(piece)
        if size > most:
            response.close()
            whole = False
            break
    raw = b"".join(pieces)
    if coding is None:
        return ResponseBody(raw[:most], whole)
    inflate_now = len(raw) <= _INFLATED_IN_THE_LOOP
    body = inflate(raw, coding, most) if inflate_now else await asyncio.to_thread(inflate, raw, coding, most)
    return ResponseBody(body.data, body.whole and whole)


def coding_of(headers: Mapping[str, str]) -> str | None:
    """The coding of a body, None where it has none.

    Raises:
        CodingError: it was not asked for.
    """
    coding = headers.get("Content-Encoding", "").strip().casefold()
    if coding in ("", "identity"):
        return None
    if coding not in _WINDOWS:
        raise CodingError(f"the answer is in the coding {coding[:40]!r}, which was not asked for")
    return coding


def inflate(raw: bytes, coding: str, most: int) -> ResponseBody:
    """Up to `most` bytes of what `raw` inflates to; never more than a piece beyond that is held.

    Raises:
        CodingError: it is damaged.
    """
    window = _WINDOWS[coding]
    if coding == "deflate" and (raw[:1] or b"x")[0] & 0x0F != 8:
        window = -zlib.MAX_WBITS  # without the header that the standard wants, as some servers write it
    pieces, left, members = list[bytes](), most, 0
    try:
        while raw:
            members += 1
            if members > _MEMBERS:  # each of them copies what is left
                raise CodingError(f"the answer is {coding} of more than {_MEMBERS} parts")
            inflater = zlib.decompressobj(window)
            while raw and not inflater.eof:
                pieces.append(inflater.decompress(raw, min(_PIECE, left + 1)))
                left -= len(pieces[-1])
                if left < 0:
                    return ResponseBody(b"".join(pieces)[:most], whole=False)
                raw = inflater.unconsumed_tail
            pieces.append(inflater.flush())
            if not inflater.eof:
                raise CodingError(f"the answer breaks off within its {coding}")
            raw = inflater.unused_data.lstrip(b"\0") if coding != "deflate" else b""
    except zlib.error as error:
        raise CodingError(f"the answer is no {coding}: {error}") from None
    return ResponseBody(b"".join(pieces), whole=True)


def bounded_pieces(pieces: Iterable[bytes], coding: str | None, most: int, deadline: float) -> Iterator[bytes]:
    """The pieces of a body as they come, inflated, for a client that reads them by itself.

    Args:
        pieces: what comes over the wire.
        coding: as `coding_of` gives it.
        most: bytes in all, inflated.
        deadline: by the monotonic clock.

    Raises:
        OverlongError: there are more, or they take longer.
        CodingError: they cannot be inflated.
    """
    inflater = zlib.decompressobj(_WINDOWS[coding]) if coding is not None else None
    left = most
    try:
        for piece in pieces:
            while piece:
                if time.monotonic() > deadline:
                    raise OverlongError("an answer that does not end in time")
                out = piece if inflater is None else inflater.decompress(piece, _PIECE)
                piece = b"" if inflater is None else inflater.unconsumed_tail
                left -= len(out)
                if left < 0:
                    raise OverlongError(f"an answer of more than {_size(most)}")
                yield out
    except zlib.error as error:
        raise CodingError(f"the answer is no {coding}: {error}") from None
    if inflater is not None and not inflater.eof:
        raise CodingError(f"the answer breaks off within its {coding}")


def _size(most: int) -> str:
    return f"{most // 2**20} MB" if most >= 2**20 else f"{most // 2**10} kB"
