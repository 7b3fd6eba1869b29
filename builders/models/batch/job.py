"""A job: one batch on its way from waiting requests to recorded answers."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from ....schemas.inference import Role
from .._bodies import MOST_BYTES


class JobState(StrEnum):
    """How far a job is; each state is on disk before what follows from it is sent."""

    CUT = "cut"
    """Its requests are settled, nothing was sent."""
    UPLOADING = "uploading"
    """The input file was sent; whether it came is not known yet."""
    UPLOADED = "uploaded"
    """The provider has the input file."""
    CREATING = "creating"
    """The batch was asked for; whether it was made is not known yet."""
    RUNNING = "running"
    """The provider has the batch."""
    ENDED = "ended"
    """The batch ended, one way or another; its files wait to be taken in."""
    TAKEN = "taken"
    """All that it brought is in the records; the files are still at the provider."""
    DONE = "done"
    """Nothing of it is left at the provider."""


class Queue(NamedTuple):
    """Requests that may share a batch: one model, in one place, paid by one key."""

    base_url: str
    model: str
    role: Role
    """Whose key pays, see `endpoint.resolve`."""


@dataclass(frozen=True)
class Job:
    """What is known of one batch."""

    number: int
    mark: str
    """Stands in the file's name and in the batch's metadata, so that both are recognised if an answer was lost."""
    queue: Queue
    state: JobState
    requests: int
    tokens: int
    """Estimated prompt tokens."""
    usd: float
    """What it may cost at most."""
    tried_at: float
    """When a file or a batch was last sent, Unix time; 0 before."""
    file_id: str | None
    batch_id: str | None
    status: str
    """The provider's word for how it stands."""
    output_file_id: str | None
    error_file_id: str | None
    errors: str
    """Where validation failed: what was wrong, as a JSON list."""
    answered: int
    """Replies that the provider says are in its output file."""
    cancelled: bool
    """Whether we asked for its end."""

    @property
    def file_name(self) -> str:
        """What its input file is called at the provider."""
        return f"ipm-prefdial-{self.mark}.jsonl"


class QueuedRequest(NamedTuple):
    """A request in a job, as far as its record needs it."""

    key: str
    role: Role
    model: str
    revision: str | None
    draw: int
    structured: bool
    """Whether the endpoint was asked to hold the reply to a JSON Schema."""


# How many of the waiting requests make the next batch.


class Piece(NamedTuple):
    """What one waiting request would add to a batch."""

    key: str
    size: int
    """Bytes of its line."""
    tokens: int
    """Estimated prompt tokens."""
    usd: float
    """What it may cost at most, at the batch price; 0 where the model has no price."""


@dataclass(frozen=True)
class Room:
    """What fits into a batch; None sets no limit."""

    requests: int
    size: int
    tokens: int | None = None
    usd: float | None = None


@dataclass(frozen=True)
class BatchPlan:
    """A batch that fits: the first requests, in the order in which they wait."""

    keys: tuple[str, ...]
    tokens: int
    usd: float
    short_of_money: bool
    """Whether it was the money that let no more in; with no keys at all, not even the first could be paid."""
    next_usd: float = 0.0
    """What the request that did not fit would have cost at most."""


def cut_next(pieces: Iterable[Piece], room: Room) -> BatchPlan:
    """The longest beginning of `pieces` that fits.

    The first goes in however large it is, since what a provider will not take at all is for the provider to say; but
    never without the money for it.
    """
    keys: list[str] = []
    size, tokens, usd = 0, 0, 0.0
    for piece in pieces:
        if room.usd is not None and usd + piece.usd > room.usd:
            return BatchPlan(tuple(keys), tokens, usd, short_of_money=True, next_usd=piece.usd)
        too_large = size + piece.size > room.size or (room.tokens is not None and tokens + piece.tokens > room.tokens)
        if keys and (len(keys) >= room.requests or too_large):
            break
        keys.append(piece.key)
        size, tokens, usd = size + piece.size, tokens + piece.tokens, usd + piece.usd
    return BatchPlan(tuple(keys), tokens, usd, short_of_money=False)


# What a provider's output and error files say: pure and total, line by line.


EXPIRED = "batch_expired"
CANCELLED = "batch_cancelled"


class Line(NamedTuple):
    """One line of an output or error file."""

    key: str
    """The `custom_id`: the key of the request."""
    status: int | None
    """The HTTP status that a live call would have had; None where it was never made."""
    body: bytes
    """The body that goes with it; empty where there is none."""
    code: str
    """Why the call was never made, such as `batch_expired`; empty where it was."""
    message: str
    """The same in words."""


def line_of(key: str, body: bytes) -> bytes:
    """A line of an input file: one request under its key."""
    head = json.dumps({"custom_id": key, "method": "POST", "url": "/v1/chat/completions"}, separators=(",", ":"))
    return head[:-1].encode() + b',"body":' + body + b"}\n"


def read_lines(data: bytes) -> tuple[list[Line], int]:
    """The results in a file, and how many of its lines are none: cut, or no JSON of the right form."""
    found = [read_line(raw) for raw in data.split(b"\n") if raw.strip()]
    lines = [line for line in found if line is not None]
    return lines, len(found) - len(lines)


def read_line(raw: bytes) -> Line | None:
    """What one line says; None where it cannot be read, or is longer than the answer of a live call may be."""
    if len(raw) > MOST_BYTES:
        return None
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict) or not isinstance(line.get("custom_id"), str):
        return None
    response, error = line.get("response"), line.get("error")
    if isinstance(response, dict) and isinstance(response.get("status_code"), int):
        body = json.dumps(response.get("body")).encode()
        return Line(line["custom_id"], response["status_code"], body, "", "")
    if isinstance(error, dict):
        return Line(line["custom_id"], None, b"", _text(error.get("code")) or "unknown", _text(error.get("message")))
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
