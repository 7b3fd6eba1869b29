"""The pieces of a fake Batch API: what goes wrong in it, one of its batches, and the objects that it shows."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from servers.chat_server import error_answer

_PAGE = 20


@dataclass
class Trouble:
    """What goes wrong. Numbers are how many of the first calls meet it, shares how many requests do (0 to 1)."""

    refused_uploads: int = 0
    """429 to an upload."""
    refused_creates: int = 0
    """429 to a new batch."""
    lost_uploads: int = 0
    """The file is kept, and the connection reset instead of an answer."""
    lost_creates: int = 0
    """The batch is made, and the connection reset instead of an answer."""
    cut_downloads: int = 0
    """Half of the body that the length promises."""
    short_downloads: int = 0
    """Half of the file, and a length that fits it."""
    short_by_lines: int = 0
    """The same, cut where a line ends."""
    no_sizes: bool = False
    """Files of which the provider does not say how long they are."""
    unknown_files: int = 0
    """A new batch is told that its file is not there."""
    expire: float = 0.0
    """Requests that the window closes on."""
    fail: float = 0.0
    """Requests that meet a 500."""
    miss: float = 0.0
    """Requests that are in neither file."""
    lasts: bool = False
    """Whether the three above are met in every batch, and not in a request's first alone."""
    bad_line: Callable[[dict[str, Any]], bool] = lambda body: False
    """Bodies for which a file does not pass validation."""
    enqueued_tokens: int | None = None
    """Tokens (a quarter of the bytes) in all batches that have not ended."""
    requests: int = 50_000
    """Requests in one file."""
    bytes: int = 200_000_000
    """Size of one file."""


@dataclass
class FakeBatch:
    """One batch."""

    about: dict[str, Any]
    """The object as it is shown."""
    lines: list[dict[str, Any]]
    """Its requests."""
    looks: int = 0
    """How often it was looked at."""
    results: list[dict[str, Any]] = field(default_factory=list)
    """Lines of the output file so far."""
    errors: list[dict[str, Any]] = field(default_factory=list)
    """Lines of the error file so far."""
    run: int = 0
    """How many of its requests were looked at."""

    @property
    def tokens(self) -> int:
        """About how many tokens it takes up."""
        return len(json.dumps(self.lines)) // 4


def page(items: list[dict[str, Any]], request: web.Request) -> web.Response:
    """One page of a list, after the item that the request names."""
    after, size = request.query.get("after"), int(request.query.get("limit", _PAGE))
    first = next((number for number, item in enumerate(items, start=1) if item["id"] == after), 0)
    shown = items[first : first + size]
    return web.json_response({"object": "list", "data": shown, "has_more": first + size < len(items)})


def no_such(what: str) -> web.Response:
    """What is told of an unknown file or batch."""
    return error_answer(404, f"No such {what}", "not_found")


def fault(code: str, message: str, line: int | None = None) -> dict[str, Any]:
    """One thing that is wrong with an input file."""
    return {"code": code, "message": message, "line": line, "param": None}


def result_line(line: dict[str, Any], status: int, body: Any) -> dict[str, Any]:
    """A line of a result: the request was run, whatever it came to."""
    response = {"status_code": status, "request_id": "req", "body": body}
    return {"id": "batch_req", "custom_id": line["custom_id"], "response": response, "error": None}


def error_line(line: dict[str, Any], code: str, message: str) -> dict[str, Any]:
    """A line of a request that was not run."""
    error = {"code": code, "message": message}
    return {"id": "batch_req", "custom_id": line["custom_id"], "response": None, "error": error}
