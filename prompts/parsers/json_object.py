"""Finds the JSON object in a reply, whatever stands around it: a fence, prose, a thinking block."""

import json
from typing import Any

from ...schemas.verdict import Unparsed
from .thinking import without_thinking

_DECODER = json.JSONDecoder(strict=False)


def read_json_object(reply: str) -> dict[str, Any] | Unparsed:
    """The last complete JSON object at the outermost level of `reply`: a model that corrects itself means the last.

    Servers ignore requests for structured output, so nothing is taken for granted about the reply's form. An object
    inside one that was cut off is a part of an answer, and no answer.
    """
    text = without_thinking(reply)
    found: dict[str, Any] | None = None
    at = text.find("{")
    while at != -1:
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = _after_braces(text, at)
        else:
            found = value
        at = text.find("{", end)
    return found if found is not None else Unparsed(reason="no_json", raw=reply)


def _after_braces(text: str, at: int) -> int:
    """The place after the brace that closes the one at `at`, or the text's end where none does."""
    depth, quoted, place = 0, False, at
    while place < len(text):
        letter = text[place]
        if letter == "\\" and quoted:
            place += 1
        elif letter == '"':
            quoted = not quoted
        elif not quoted and letter in "{}":
            depth += 1 if letter == "{" else -1
            if depth == 0:
                return place + 1
        place += 1
    return len(text)
