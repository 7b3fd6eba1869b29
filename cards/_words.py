"""Numbers and names as pages for people write them."""

from typing import Any

from ..schemas.audit import GateResult, Interval
from ..schemas.escape import Markdown, escape_markdown

UNDEFINED = "–"


def fixed(value: float | None, digits: int = 3) -> str:
    """A number with that many decimals, or a dash."""
    return UNDEFINED if value is None else f"{value:.{digits}f}"


def format_interval(interval: Interval, digits: int = 3) -> str:
    """A value and its interval."""
    if interval.low is None or interval.high is None:
        return fixed(interval.value, digits)
    return f"{fixed(interval.value, digits)} [{fixed(interval.low, digits)}, {fixed(interval.high, digits)}]"


def ours(value: Any) -> Any:
    """The value with every text in it marked as Markdown of our own, which the card shows as it is.

    Only for sentences in which whatever comes from outside was escaped where it was put in.
    """
    if isinstance(value, str):
        return Markdown(value)
    if isinstance(value, dict):
        return {name: ours(part) for name, part in value.items()}
    return [ours(part) for part in value] if isinstance(value, list | tuple) else value


def escaped(value: Any) -> Any:
    """What a card template shows for a value: text that is not marked as ours is escaped."""
    return escape_markdown(value) if isinstance(value, str) and not isinstance(value, Markdown) else value


def in_words(name: str) -> str:
    return name.replace("_", " ")


def verdict(gate: GateResult | None) -> str:
    """A gate's answer, with a sign that tells it without colour; empty where there is no gate."""
    return "" if gate is None else _ANSWERS[gate.answer]


# The outcomes in words.
_ANSWERS = {
    "passed": "✓ passed",
    "failed": "✗ FAILED",
    "cannot_tell": "? cannot tell",
    "not_applicable": "– not applicable",
}
