"""Reads a planner's and a joint model's reply."""

import re

from pydantic import Field

from ...schemas.base import Frozen
from ...schemas.strategy import Strategy, parse_strategy
from ...schemas.text import mend_half_pairs
from ...schemas.verdict import Unparsed

_LEADING = re.compile(r"""\s*(?P<wrap>[*_"'`]*)[\[(【<]*(?P<name>[^\[\]()【】<>\n]{1,60})[\])】>]+""")
# A colon that ends the bracket, and not one that begins a sign such as `:)` or `:D`.
_COLON = re.compile(r":(?![)(/\\|\[\]<>'^-]|[DPpOoXx3](?![^\W_]))")
_FENCED = re.compile(r"```\w*\n(?P<inside>.*?)\n?```", re.DOTALL)
_ANY_BRACKET = re.compile(r"[\[【]([^\[\]【】\n]{1,80})[\]】]")


class JointReply(Frozen):
    """A joint model's answer, taken apart."""

    strategy: Strategy
    reply: str = Field(min_length=1)
    """The words after the bracket."""


def without_fence(reply: str) -> str:
    """The reply without a Markdown code fence around the whole of it."""
    found = _FENCED.fullmatch(reply.strip())
    return found["inside"] if found else reply


def read_strategy(reply: str) -> Strategy | Unparsed:
    """The strategy that a planner named: the whole reply is one name, through case, punctuation and aliases.

    An answer of several lines counts where every line names the same strategy; anything else is not a strategy.
    """
    reply = without_fence(reply)
    whole = parse_strategy(reply)
    if whole is not None:
        return whole
    named = {parse_strategy(line) for line in reply.splitlines() if line.strip()}
    if len(named) == 1 and (only := named.pop()) is not None:
        return only
    return Unparsed(reason="not_a_strategy", raw=reply)


def read_joint(reply: str) -> JointReply | Unparsed:
    """The strategy in the leading brackets and the words after it, which stay as they are."""
    reply = without_fence(reply)
    found = _LEADING.match(reply)
    strategy = parse_strategy(found["name"]) if found else None
    if found is None or strategy is None:
        return Unparsed(reason="not_a_strategy", raw=reply)
    words = _after_colon(_after_colon(reply[found.end() :]).removeprefix(found["wrap"])).strip()
    if not words:
        return Unparsed(reason="empty_reply", raw=reply)
    return JointReply(strategy=strategy, reply=mend_half_pairs(words))


# The text without a colon that belongs to the bracket before it; one of a sign such as `:)` stays.
def _after_colon(text: str) -> str:
    return _COLON.sub("", text, count=1) if _COLON.match(text) else text


def bracketed_strategy(text: str) -> Strategy | None:
    """The first strategy that stands in brackets anywhere in `text`, or None."""
    named = (parse_strategy(inside) for inside in _ANY_BRACKET.findall(text))
    return next((strategy for strategy in named if strategy is not None), None)
