"""What a provider's output and error files say: pure and total, line by line."""

import json
from typing import Any, NamedTuple

from ..bodies import MOST_BYTES

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
