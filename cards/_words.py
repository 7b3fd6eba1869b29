"""Formats numbers and names for the card and the report, and marks text that needs no escaping."""

from typing import Any

from ..schemas.audit import GateResult, Interval
from ..schemas.escape import Markdown, escape_markdown

UNDEFINED = "–"
"""Shown in place of a number that is not defined."""

_OUTCOMES = {
    "passed": "✓ passed",
    "failed": "✗ FAILED",
    "cannot_tell": "? cannot tell",
    "not_applicable": "– not applicable",
}


def fixed(value: float | None, digits: int = 3) -> str:
    """A number with that many decimals, or a dash."""
    return UNDEFINED if value is None else f"{value:.{digits}f}"


def format_ci(interval: Interval, digits: int = 3) -> str:
    """A value with its confidence interval, such as `0.512 [0.430, 0.594]`."""
    if interval.low is None or interval.high is None:
        return fixed(interval.value, digits)
    return f"{fixed(interval.value, digits)} [{fixed(interval.low, digits)}, {fixed(interval.high, digits)}]"


def ours(value: Any) -> Any:
    """The value with every text in it marked as Markdown, which the card shows without escaping it.

    Only for our own sentences, in which all text from outside was escaped when it was put in.
    """
    if isinstance(value, str):
        return Markdown(value)
    if isinstance(value, dict):
        return {name: ours(part) for name, part in value.items()}
    return [ours(part) for part in value] if isinstance(value, list | tuple) else value


def escaped(value: Any) -> Any:
    """A value as the card's templates show it: text that is not marked as Markdown is escaped."""
    return escape_markdown(value) if isinstance(value, str) and not isinstance(value, Markdown) else value


def as_words(name: str) -> str:
    """An id as words: spaces instead of underscores."""
    return name.replace("_", " ")


def verdict(gate: GateResult | None) -> str:
    """A gate's outcome in words; its sign makes it readable without colour. Empty if there is no gate."""
    return "" if gate is None else _OUTCOMES[gate.answer]
