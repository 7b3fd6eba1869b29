"""Finds the JSON object in a reply, whatever surrounds it: a fence, prose, a thinking block.

`read_json_object` takes the last object of a reply, so it misreads a judge that quotes an injected verdict after its
own. The newer `read_one_object` takes an object only where every one that looks like an answer says the same.

Both take time in proportion to the reply, whatever it holds. They cut an object out before they decode it, because the
standard decoder counts the line breaks before every error that it raises, once for each broken object.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

from ...schemas.inference import Completion
from ...schemas.verdict import Unparsed

_TAG = re.compile(r"<(?P<end>/?)think(?:ing)?>", re.IGNORECASE)


def without_thinking(reply: str) -> str:
    """The reply without its `<think>…</think>` blocks; text after one that was never closed is thought, too.

    An end without a beginning closes a block that began in the prompt: some chat templates write the tag there.
    """
    kept: list[str] = []
    at, inside = 0, False
    for tag in _TAG.finditer(reply):
        if tag["end"]:
            if not inside:
                kept.clear()
            inside = False
        elif not inside:
            kept.append(reply[at : tag.start()])
            inside = True
        if not inside:
            at = tag.end()
    return "".join(kept) if inside else "".join([*kept, reply[at:]])


_DECODER = json.JSONDecoder(strict=False)
# A whole string, a brace, or the quote of a string that never ends; possessive, so that nothing is tried twice.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|["{}]', re.DOTALL)


def read_json_object(reply: str) -> dict[str, Any] | Unparsed:
    """The last complete JSON object at the outermost level of `reply`: a model that corrects itself means the last.

    Servers ignore requests for structured output, so the reply may have any form. An object inside one that was cut off
    is a part of an answer, and no answer.
    """
    found: dict[str, Any] | None = None
    for written in _outermost_braces(without_thinking(reply)):
        try:
            found = _DECODER.decode(written)
        except (ValueError, RecursionError):  # a number of too many digits is a ValueError, too
            continue
    return found if found is not None else Unparsed(reason="no_json", raw=reply)


# Every part of `text` from an opening brace to the one that closes it; a brace inside a string does not count.
def _outermost_braces(text: str) -> Iterator[str]:
    at = text.find("{")
    while at != -1:
        end = _after_braces(text, at)
        if end is None:
            return
        yield text[at:end]
        at = text.find("{", end)


# The place after the brace that closes the one at `at`; None where none does.
def _after_braces(text: str, at: int) -> int | None:
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


CUT_ENDINGS = frozenset({"length", "max_tokens"})
"""The endings of an answer that ran into its token limit."""

# The deepest nesting that is read, on every machine alike.
_DEEPEST = 32

Fields = Mapping[str, Any]
T = TypeVar("T")

_JSON_TOKEN = re.compile(
    r'"(?:[^"\\]++|\\.)*+"'  # a whole string
    r"|[{}\[\],:]"
    r'|[^\s"{}\[\],:]++'  # a number or a word
    r'|"',  # a string that never ends
    re.DOTALL,
)
_CLOSERS = {"{": "}", "[": "]"}
_WHOLE_WORDS = frozenset({"true", "false", "null"})
_BEGINS_OBJECT = re.compile(r'\{\s*+(?:"|$)')


class _TwiceError(ValueError):
    """An object has two values under one name."""


def read_one_object(answer: Completion, names: Collection[str], read: Callable[[Fields], T | Unparsed]) -> T | Unparsed:
    """What `read` makes of the object in an answer.

    An object with none of `names` is not a verdict and does not count. It is `several_verdicts` where two objects
    say different things, where one object has two values under one name, or where another begins after a whole one and
    does not end. Models write the labels first, so a label that came whole before the token limit counts, and only the
    reason is lost; an answer that was cut before or inside a label is `cut_off`.

    Args:
        answer: as it came, with its ending.
        names: the fields that a verdict of this kind has, in small letters.
        read: reads the fields of an object, whose names are in small letters.
    """
    text = without_thinking(answer.text)
    cut = answer.finish_reason in CUT_ENDINGS
    readings: list[T | Unparsed] = []
    others = False
    for written in _outermost_braces(text):
        try:
            fields = _decode(written)
        except _TwiceError:
            return Unparsed(reason="several_verdicts", raw=answer.text)
        except (ValueError, RecursionError):
            continue
        if fields.keys().isdisjoint(names):
            others = True
        elif (reading := read(fields)) not in readings:
            readings.append(reading)
    unclosed = _unclosed(text)
    if len(readings) > 1 or (readings and _BEGINS_OBJECT.match(unclosed)):
        return Unparsed(reason="several_verdicts", raw=answer.text)
    if readings:
        return readings[0]
    if not cut:
        return Unparsed(reason="no_label" if others else "no_json", raw=answer.text)
    found = read(_whole_members(unclosed))
    return Unparsed(reason="cut_off", raw=answer.text) if _lacks_label(found) else found


def _decode(written: str) -> Fields:
    """The fields of an object, names in small letters.

    Raises:
        ValueError: it is not JSON, or nested too deeply.
        _TwiceError: a name stands twice, with two values.
    """
    if _depth(written) > _DEEPEST:
        raise ValueError("nested too deeply")
    found: Fields = json.loads(written, strict=False, object_pairs_hook=_once)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        folded = name.strip().casefold()
        if folded in found and found[folded] != value:
            raise _TwiceError(folded)
        found[folded] = value
    return found


def _depth(written: str) -> int:
    depth = deepest = 0
    for token in _JSON_TOKEN.finditer(written):
        if token[0] in _CLOSERS:
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in ("}", "]"):
            depth -= 1
    return deepest


# The text from the first outermost brace that is never closed; empty where every one is.
def _unclosed(text: str) -> str:
    end = 0
    for written in _outermost_braces(text):
        end = text.index(written, end) + len(written)
    at = text.find("{", end)
    return "" if at == -1 else text[at:]


# The members of an object that came whole before it was cut; none where that is uncertain.
#
# A text ends with its quotation mark and a bracket with its closer; a number only with what comes after it, since it
# may have had more digits.
def _whole_members(unclosed: str) -> Fields:
    for end, open_ in reversed(_places_to_close(unclosed)):
        closed = unclosed[:end] + "".join(_CLOSERS[one] for one in reversed(open_))
        try:
            return _decode(closed)
        except (ValueError, RecursionError):
            continue
    return {}


# Where a cut object may be closed, and which brackets are open there: before its last comma, and at its end.
def _places_to_close(unclosed: str) -> list[tuple[int, str]]:
    stack = ""
    comma: tuple[int, str] | None = None
    end: tuple[int, str] | None = None
    for token in _JSON_TOKEN.finditer(unclosed):
        said, end = token[0], None
        if said == '"' or len(stack) > _DEEPEST:
            break
        if said in _CLOSERS:
            stack += said
        elif said in ("}", "]"):
            stack = stack[:-1]
        elif said == ",":
            comma = (token.start(), stack)
        if said in _WHOLE_WORDS or said[-1] in '}]"':
            end = (token.end(), stack)
    return [place for place in (comma, end) if place is not None]


def _lacks_label(found: object) -> bool:
    return isinstance(found, Unparsed) and found.reason in ("no_label", "no_grade", "no_trace")
