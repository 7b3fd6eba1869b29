"""Finds the JSON object in a reply, whatever stands around it: a fence, prose, a thinking block.

The work grows with the length of the reply and no faster, whatever the reply holds. An object is cut out before it is
decoded: the standard decoder counts the line breaks before every error that it raises, so that many broken objects in
one text would be counted over and over.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from ...schemas.verdict import Unparsed
from .thinking import without_thinking

_DECODER = json.JSONDecoder(strict=False)
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|["{}]', re.DOTALL)
"""A whole string, a brace, or the quote of a string that never ends; possessive, so that nothing is tried twice."""


def read_json_object(reply: str) -> dict[str, Any] | Unparsed:
    """The last complete JSON object at the outermost level of `reply`: a model that corrects itself means the last.

    Servers ignore requests for structured output, so nothing is taken for granted about the reply's form. An object
    inside one that was cut off is a part of an answer, and no answer.
    """
    found: dict[str, Any] | None = None
    for written in outermost_braces(without_thinking(reply)):
        try:
            found = _DECODER.decode(written)
        except (ValueError, RecursionError):  # a number of too many digits is a ValueError, too
            continue
    return found if found is not None else Unparsed(reason="no_json", raw=reply)


def outermost_braces(text: str) -> Iterator[str]:
    """Every part of `text` from an opening brace to the one that closes it; a brace inside a string does not count."""
    at = text.find("{")
    while at != -1:
        end = _after_braces(text, at)
        if end is None:
            return
        yield text[at:end]
        at = text.find("{", end)


def _after_braces(text: str, at: int) -> int | None:
    """The place after the brace that closes the one at `at`; None where none does."""
    depth = 0
    for token in _TOKEN.finditer(text, at):
        match token[0]:
            case "{":
                depth += 1
            case "}":
                depth -= 1
                if depth == 0:
                    return token.end()
            case '"':
                return None
    return None


def words_in(value: Any) -> str:
    """A value of a reply as text; empty where it is nested too deeply to be written."""
    try:
        return str(value)
    except RecursionError:
        return ""
