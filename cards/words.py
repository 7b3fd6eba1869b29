"""Numbers and names as pages for people write them."""

from ..schemas.audit import GateResult, Interval

UNDEFINED = "–"


def fixed(value: float | None, digits: int = 3) -> str:
    """A number with that many decimals, or a dash."""
    return UNDEFINED if value is None else f"{value:.{digits}f}"


def told(interval: Interval, digits: int = 3) -> str:
    """A value and its interval."""
    if interval.low is None or interval.high is None:
        return fixed(interval.value, digits)
    return f"{fixed(interval.value, digits)} [{fixed(interval.low, digits)}, {fixed(interval.high, digits)}]"


def said(name: str) -> str:
    """An id in words."""
    return name.replace("_", " ")


def verdict(gate: GateResult | None) -> str:
    """A gate's answer, with a sign that tells it without colour; empty where there is no gate."""
    return "" if gate is None else _ANSWERS[gate.answer]


_ANSWERS = {
    "passed": "✓ passed",
    "failed": "✗ FAILED",
    "cannot_tell": "? cannot tell",
    "not_applicable": "– not applicable",
}
"""The outcomes in words."""
