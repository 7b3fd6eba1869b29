"""A job is one batch on its way from waiting requests to recorded answers: its states, its size, its files' lines."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from ....schemas.inference import Role
from .._bodies import MOST_BYTES


class JobState(StrEnum):
    """The state of a job; it is on disk before anything that follows from it is sent."""

    CUT = "cut"
    """It has its requests; nothing was sent."""
    UPLOADING = "uploading"
    """The input file was sent; whether it arrived is not known yet."""
    UPLOADED = "uploaded"
    """The provider has the input file."""
    CREATING = "creating"
    """The submit was sent; whether a batch was made is not known yet."""
    RUNNING = "running"
    """The provider has the batch."""
    ENDED = "ended"
    """The batch ended, well or not; its files are not imported yet."""
    TAKEN = "taken"
    """Its results are in the records; its files are still at the provider."""
    DONE = "done"
    """Its files are deleted at the provider."""


class Queue(NamedTuple):
    """Requests that may share a batch: one model, one base URL, one API key."""

    base_url: str
    model: str
    role: Role
    """The role whose key is used, see `endpoint.resolve`."""


@dataclass(frozen=True)
class Job:
    """One batch, as the ledger has it."""

    number: int
    mark: str
    """An id in the file's name and the batch's metadata, which finds both again if the submit response was lost."""
    queue: Queue
    state: JobState
    requests: int
    tokens: int
    """Estimated prompt tokens."""
    usd: float
    """The most that it may cost."""
    tried_at: float
    """When a file or a batch was last sent, Unix time; 0 before."""
    file_id: str | None
    batch_id: str | None
    status: str
    """The provider's word for its status."""
    output_file_id: str | None
    error_file_id: str | None
    errors: str
    """The faults that the provider's validation found, as a JSON list; empty if it passed."""
    answered: int
    """Replies in its output file, by the provider's count."""
    cancelled: bool
    """Whether we cancelled it."""

    @property
    def file_name(self) -> str:
        """The name of its input file at the provider."""
        return f"ipm-prefdial-{self.mark}.jsonl"


class QueuedRequest(NamedTuple):
    """The fields of a request in a job that its record needs."""

    key: str
    role: Role
    model: str
    revision: str | None
    draw: int
    structured: bool
    """Whether the endpoint was asked to hold the reply to a JSON Schema."""


class RequestSize(NamedTuple):
    """The size of one waiting request in a batch."""

    key: str
    size: int
    """Bytes of its line."""
    tokens: int
    """Estimated prompt tokens."""
    usd: float
    """The most that it may cost, at the batch price; 0 if the model has no price."""


@dataclass(frozen=True)
class BatchCapacity:
    """The most that one batch may hold; None sets no limit."""

    requests: int
    size: int
    tokens: int | None = None
    usd: float | None = None


@dataclass(frozen=True)
class BatchPlan:
    """The first requests in the order of their keys, as many as one batch may hold."""

    keys: tuple[str, ...]
    tokens: int
    usd: float
    short_of_money: bool
    """Whether the budget ended it; without keys, not even the first request can be paid."""
    next_usd: float = 0.0
    """The most that the first request beyond the budget may cost."""


def plan_batch(sizes: Iterable[RequestSize], capacity: BatchCapacity) -> BatchPlan:
    """The longest beginning of `sizes` that fits.

    The first request goes in whatever its size, since only the provider knows what it refuses; but never beyond the
    budget.
    """
    keys: list[str] = []
    size, tokens, usd = 0, 0, 0.0
    for one in sizes:
        if capacity.usd is not None and usd + one.usd > capacity.usd:
            return BatchPlan(tuple(keys), tokens, usd, short_of_money=True, next_usd=one.usd)
        too_many_tokens = capacity.tokens is not None and tokens + one.tokens > capacity.tokens
        if keys and (len(keys) >= capacity.requests or size + one.size > capacity.size or too_many_tokens):
            break
        keys.append(one.key)
        size, tokens, usd = size + one.size, tokens + one.tokens, usd + one.usd
    return BatchPlan(tuple(keys), tokens, usd, short_of_money=False)


EXPIRED = "batch_expired"
CANCELLED = "batch_cancelled"


class Line(NamedTuple):
    """One line of an output or error file."""

    key: str
    """The `custom_id`: the key of the request."""
    status: int | None
    """The HTTP status that a live call would have had; None where it was never made."""
    body: bytes
    """The body of the response; empty if there is none."""
    code: str
    """Why the call was never made, such as `batch_expired`; empty where it was."""
    message: str
    """The same in words."""


def line_of(key: str, body: bytes) -> bytes:
    """A line of an input file: one request under its key."""
    # The body is put in as the bytes that its key was made of; to parse and print it again could change a number.
    head = json.dumps({"custom_id": key, "method": "POST", "url": "/v1/chat/completions"}, separators=(",", ":"))
    return head[:-1].encode() + b',"body":' + body + b"}\n"


def read_lines(data: bytes) -> tuple[list[Line], int]:
    """The results in a file, and how many of its lines are none: cut, or no JSON of the right form."""
    found = [read_line(raw) for raw in data.split(b"\n") if raw.strip()]
    lines = [line for line in found if line is not None]
    return lines, len(found) - len(lines)


def read_line(raw: bytes) -> Line | None:
    """The result in a line; None if it cannot be read, or is longer than the answer to a live call may be."""
    # Before it is parsed: a line of gigabytes would otherwise become objects many times its size.
    if len(raw) > MOST_BYTES:
        return None
    try:
        line = json.loads(raw)
    # The caller counts lines that are none, and downloads the file again.
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
